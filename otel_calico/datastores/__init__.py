"""Fills the lookups from the Calico datastore: etcd, the Kubernetes API, or exported files.

`reflector.py` takes watch events from a list-watch (`etcd/`, `kubernetes/`), decodes them (`decode.py`) and applies
them to the lookups.
"""
