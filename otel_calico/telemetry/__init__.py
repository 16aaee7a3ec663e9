"""Shows snapshots to the world: `/metrics`, OTLP, health and readiness, self metrics."""
