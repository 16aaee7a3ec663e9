"""The etcd datastore.

Order of reading: `etcd_access` (servers and credentials), `etcd_certificates`, `etcd_client` (one server),
`etcd_connection` (the cluster), `etcd_list_watch` (a kind), `etcd_datastore` (all kinds).
"""
