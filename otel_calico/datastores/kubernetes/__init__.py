"""The Kubernetes datastore: pods, policies and tiers from the Kubernetes API.

Order of reading: `api_resources` (what is read), `api_access` and `kubeconfig` (server and credentials),
`api_connection` and `api_client` (one request), `list_stream` and `watch_stream` (its response),
`kubernetes_list_watch` (a kind), `kubernetes_datastore` (all kinds).
"""
