"""The HTTP server: connections, TLS, authentication. It does not import anything that produces metrics."""
