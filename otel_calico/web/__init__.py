"""The HTTP server: one thread that talks to all clients, TLS, who may ask. Knows nothing of metrics."""
