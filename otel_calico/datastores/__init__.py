"""Keeps the lookups equal to the Calico datastore: etcd, the Kubernetes API, or exported files."""
