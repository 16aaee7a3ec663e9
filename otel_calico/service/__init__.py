"""The service: its parts wired together, what it answers at each address, and its start and end."""
