"""The HTTP server, asked by real clients over real TLS."""
