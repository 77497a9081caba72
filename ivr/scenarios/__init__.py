"""Scenarios: what a caller does and what must come back, played at every level, from the pure
executor to a real switch."""
