"""The Kubernetes datastore: pods, policies and tiers as the Kubernetes API holds them.

Read in this order: `api_resources` (what is read), `access` and `kubeconfig` (how to get in), `connection` and `api`
(one request), `lists` and `watch` (its answer), `source` (a kind), `datastore` (all kinds).
"""
