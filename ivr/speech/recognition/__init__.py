"""Words from the caller's sound."""
