"""What otel-calico costs on a node, measured on the real parts: `python -m benchmarks` (docs/performance.md)."""
