"""Shows snapshots to the world: `/metrics`, OTLP, health and readiness, the own metrics of the service."""
