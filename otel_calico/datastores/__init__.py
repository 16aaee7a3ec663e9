"""Keeps the lookups equal to the Calico datastore: etcd, or exported files."""
