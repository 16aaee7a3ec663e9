"""A recorded node of a small shop, replayed with moving counters: no root, no cluster, no datastore.

The record is what Calico v3.32 writes for eight pods in three namespaces, and an hour of traffic:

* `node.v4.rules`, `node.v6.rules`: the filter tables, as `iptables-save -c -t filter` prints them;
* `resources.yaml`: the pods, policies and tiers, as `kubectl get -o yaml` prints them;
* `flows.json`: the traffic, each flow with the rules that its packets meet.

Worth looking for: pod `worker` calls a payment service that no policy allows (`no_policy_drop_counter` rises);
policy `block-known-bad` denies some visitors of the web pods; policy `allow-all-fallback` stays at zero.
`scripts/record_demo.py` writes the record.
"""

from otel_calico.demo.recorded_datastore import fill
from otel_calico.demo.recorded_source import DemoSource

__all__ = ["DemoSource", "fill"]
