"""The worker's pages: liveness, readiness, metrics."""
