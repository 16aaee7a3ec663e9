"""The chart, rendered by real Helm; its pod, run with exactly the rights that it asks for."""
