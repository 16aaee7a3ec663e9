"""The Prometheus page at `/metrics`, in both text formats."""
