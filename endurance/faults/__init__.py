"""Every fault that otel-calico promises to survive, done to the running service: what is promised, what was seen."""
