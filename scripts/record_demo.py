"""Writes the record that `otel-calico demo` replays: `python -m scripts.record_demo`.

The rules are those that the tests' Felix writes for the node of `demo_node.py`; the flows are what a walk through
these rules says about every packet of its traffic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from otel_calico.calico.model import IPVersion, PolicyKind
from otel_calico.demo.record import FLOWS_FILE, Flow, count, rules_file
from otel_calico.demo.recorded_datastore import RESOURCES
from scripts.demo_node import NODE, NODE_RULES, ORDERS, PODS, POLICIES, RELEASE, TIERS, TRAFFIC, End, Pod, Traffic
from scripts.packet import Filter, Packet
from tests.felix import Policy, render

RECORDED_SECONDS = 3600
_FIRST, _FOLLOWING = 60, 480  # bytes of a packet
_UPLINK = "eth0"
_API_VERSIONS = {
    PolicyKind.KUBERNETES_NETWORK_POLICY: ("networking.k8s.io/v1", "NetworkPolicy"),
    PolicyKind.NETWORK_POLICY: ("crd.projectcalico.org/v1", "NetworkPolicy"),
    PolicyKind.GLOBAL_NETWORK_POLICY: ("crd.projectcalico.org/v1", "GlobalNetworkPolicy"),
}


def files() -> Mapping[Path, str]:
    """The text of every file of the record."""
    rulesets = {version: render(NODE_RULES, version) for version in IPVersion}
    flows = [flow for version, ruleset in rulesets.items() for flow in _flows(Filter(ruleset.dump()), version)]
    found = {
        rules_file(version): ruleset.dump(count(flows, version, RECORDED_SECONDS))
        for version, ruleset in rulesets.items()
    }
    found[RESOURCES] = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(_objects())}, sort_keys=False)
    found[FLOWS_FILE] = _flows_json(flows)
    return found


def _flows(ruleset: Filter, version: IPVersion) -> Iterator[Flow]:
    """Each traffic's flows. Raises ValueError if the rules refuse what should pass, or the other way round."""
    for traffic in TRAFFIC:
        rate = round(traffic.rate if version is IPVersion.V4 else traffic.rate / 4, 4)
        about = f"{_name(traffic.source)} to {_name(traffic.destination)}:{traffic.port}/{traffic.protocol}"
        first = ruleset.forward(_packet(traffic, version, "NEW"))
        if first.verdict != ("DROP" if traffic.refused else "ACCEPT"):
            raise ValueError(f"{about}: the verdict is {first.verdict}")
        yield Flow(f"{about}, first packets", version, rate, _FIRST, tuple(first.met))
        if not traffic.refused:
            further = round(rate * traffic.packets, 4)
            for words, back in (("further packets", False), ("answers", True)):
                walk = ruleset.forward(_packet(traffic, version, "ESTABLISHED", back=back))
                yield Flow(f"{about}, {words}", version, further, _FOLLOWING, tuple(walk.met))


def _packet(traffic: Traffic, version: IPVersion, state: str, *, back: bool = False) -> Packet:
    ends = (traffic.destination, traffic.source) if back else (traffic.source, traffic.destination)
    came_in, goes_out = (end.interface if isinstance(end, Pod) else _UPLINK for end in ends)
    source = ends[0]
    address = source.addresses[version] if isinstance(source, Pod) else source[version is IPVersion.V6]
    return Packet(came_in, goes_out, address, traffic.protocol, 40000 if back else traffic.port, state)


def _name(end: End) -> str:
    return f"{end.namespace}/{end.name}" if isinstance(end, Pod) else end[0]


def _flows_json(flows: list[Flow]) -> str:
    lines = ",\n".join(f"  {msgspec.json.encode(flow).decode()}" for flow in flows)
    return f'{{"recorded_seconds": {RECORDED_SECONDS}, "flows": [\n{lines}\n]}}\n'


def _objects() -> Iterator[dict[str, Any]]:
    """The datastore's objects, with the fields that matter here."""
    information = {"calicoVersion": RELEASE, "datastoreReady": True}
    yield _object("crd.projectcalico.org/v1", "ClusterInformation", "default", spec=information)
    for tier, order in TIERS.items():
        yield _object("crd.projectcalico.org/v1", "Tier", tier, spec={"order": order, "defaultAction": "Deny"})
    for policy in POLICIES:
        yield _policy(policy)
    for pod in PODS:
        addresses = [{"ip": address} for address in pod.addresses.values()]
        made = _object("v1", "Pod", pod.name, pod.namespace, {"nodeName": NODE, "serviceAccountName": "default"})
        made["metadata"]["labels"] = {"app": pod.app}
        made["status"] = {"phase": "Running", "podIP": addresses[0]["ip"], "podIPs": addresses}
        yield made


def _policy(policy: Policy) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if policy.kind is not PolicyKind.KUBERNETES_NETWORK_POLICY:
        spec = {"tier": policy.tier, "order": ORDERS[policy.name], "selector": policy.selector}
    api_version, kind = _API_VERSIONS[policy.kind]
    return _object(api_version, kind, policy.name, policy.namespace, spec)


def _object(api_version: str, kind: str, name: str, namespace: str = "", spec: Any = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec or {}}


def main() -> None:
    """Write the record."""
    for path, text in files().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
