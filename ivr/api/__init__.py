"""HTTP: liveness, readiness, metrics."""
