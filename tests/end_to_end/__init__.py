"""The whole service on a node of real parts: real packets through rules as Felix writes them, real etcd, the
command `otel-calico`, and a real Prometheus and OTLP collector that get its numbers."""
