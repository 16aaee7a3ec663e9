"""The Kubernetes datastore against an API server that keeps the real one's rules of list and watch."""
