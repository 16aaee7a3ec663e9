"""A node from Calico's resources, as `calicoctl` exports them: which policies apply to which endpoint, in what order.

Sources: `felix/calc/policy_sorter.go` (order), `libcalico-go/lib/backend/syncersv1/updateprocessors` (selectors).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from otel_calico.calico.model import Direction, PolicyKind
from tests.felix.description import Action, Endpoint, HostEndpoint, Node, Policy, PolicyRule, Profile, allow
from tests.felix.eras import Era

Resource = Mapping[str, Any]

_EQUALITY = re.compile(r"(\S+) == '([^']*)'")
_POLICY_KINDS = {"NetworkPolicy", "GlobalNetworkPolicy"}
_LAST = float("inf")


class Resources:
    """The resources of one node."""

    def __init__(self, resources: Iterable[Resource], era: Era) -> None:
        self._era = era
        self._by_kind: dict[str, list[Resource]] = {}
        for resource in resources:
            self._by_kind.setdefault(resource["kind"], []).append(resource)
        self._tiers = {tier["metadata"]["name"]: tier["spec"] for tier in self._by_kind.get("Tier", ())}
        policies = [each for kind in _POLICY_KINDS for each in self._by_kind.get(kind, ())]
        self._policies = sorted(policies, key=self._place)

    def node(self, profiles: Mapping[str, Profile], **settings: Any) -> Node:
        """The described node; profiles that are not given are those of a Kubernetes namespace or service account."""
        pass_tiers = frozenset(name for name, tier in self._tiers.items() if tier.get("defaultAction") == "Pass")
        return Node(
            self._era,
            tuple(self._workload(each, profiles) for each in self._by_kind["WorkloadEndpoint"]),
            hosts=tuple(self._host(each) for each in self._by_kind["HostEndpoint"]),
            pass_tiers=pass_tiers,
            **settings,
        )

    def _place(self, policy: Resource) -> tuple[float, str, float, str]:
        """Where a policy stands: tier by order and name, then its own order, then its name."""
        spec, metadata = policy["spec"], policy["metadata"]
        tier, namespace, name = spec.get("tier", "default"), metadata.get("namespace", ""), metadata["name"]
        if self._era >= Era.E:
            tie = f"{name}/{namespace}/{policy['kind']}"
        else:
            tie = f"{namespace}/{name}" if namespace else name
        return self._tiers.get(tier, {}).get("order", _LAST), tier, spec.get("order", _LAST), tie

    def _workload(self, resource: Resource, profiles: Mapping[str, Profile]) -> Endpoint:
        spec, metadata = resource["spec"], resource["metadata"]
        applied = self._applied(metadata["labels"])
        return Endpoint(
            spec["interfaceName"],
            _selected(applied, Direction.INGRESS),
            _selected(applied, Direction.EGRESS),
            tuple(profiles.get(name) or _kubernetes_profile(name) for name in spec["profiles"]),
        )

    def _host(self, resource: Resource) -> HostEndpoint:
        applied = self._applied(resource["metadata"]["labels"])
        untracked = [each for each in applied if each["spec"].get("doNotTrack")]
        pre_dnat = [each for each in applied if each["spec"].get("preDNAT")]
        usual = [each for each in applied if each not in untracked and each not in pre_dnat]
        forwarded = [each for each in usual if each["spec"].get("applyOnForward")]
        return HostEndpoint(
            resource["spec"]["interfaceName"],
            _selected(usual, Direction.INGRESS),
            _selected(usual, Direction.EGRESS),
            _selected(forwarded, Direction.INGRESS),
            _selected(forwarded, Direction.EGRESS),
            _selected(untracked, Direction.INGRESS),
            _selected(untracked, Direction.EGRESS),
            _selected(pre_dnat, Direction.INGRESS),
        )

    def _applied(self, labels: Mapping[str, str]) -> list[Resource]:
        return [policy for policy in self._policies if _equalities(_selector(policy)).items() <= labels.items()]


def _selected(policies: list[Resource], direction: Direction) -> tuple[Policy, ...]:
    return tuple(_policy(each) for each in policies if direction.value.capitalize() in each["spec"]["types"])


def _policy(resource: Resource) -> Policy:
    spec, metadata = resource["spec"], resource["metadata"]
    return Policy(
        PolicyKind(resource["kind"]),
        metadata["name"],
        metadata.get("namespace", ""),
        spec.get("tier", "default"),
        _normalised(_selector(resource)),
        tuple(_rule(rule) for rule in spec.get("ingress", ())),
        tuple(_rule(rule) for rule in spec.get("egress", ())),
    )


def _rule(rule: Mapping[str, Any]) -> PolicyRule:
    source = rule.get("source", {})
    selector = _normalised(source["selector"]) if "selector" in source else ""
    if source.get("namespaceSelector") == "all()":
        selector = f"(has(projectcalico.org/namespace) && {selector})"
    return PolicyRule(
        Action[rule["action"].upper()],
        rule.get("protocol", "").lower(),
        tuple(rule.get("destination", {}).get("ports", ())),
        source_selector=selector,
        icmp_type=rule.get("icmp", {}).get("type"),
        annotations=tuple(f"{key}={value}" for key, value in rule.get("metadata", {}).get("annotations", {}).items()),
    )


def _selector(policy: Resource) -> str:
    """The selector of a policy with its namespace, as Felix gets it."""
    selector, namespace = policy["spec"]["selector"], policy["metadata"].get("namespace")
    return f"({selector}) && projectcalico.org/namespace == '{namespace}'" if namespace else selector


def _equalities(selector: str) -> dict[str, str]:
    """The labels that a selector of equalities asks for. Raises ValueError for any other selector."""
    if re.sub(r"[()&\s]", "", _EQUALITY.sub("", selector)):
        raise ValueError(f"not a selector of equalities: {selector}")
    return {key.lstrip("("): value for key, value in _EQUALITY.findall(selector)}


def _normalised(selector: str) -> str:
    """A selector of equalities as Felix writes it: double quotes, and parentheses around what `&&` joins."""
    inner, _, outer = selector.removeprefix("(").partition(") && ")
    if outer:
        return f"({_normalised(inner)} && {_normalised(outer)})"
    text = selector.replace("'", '"')
    return f"({text})" if "&&" in text else text


def _kubernetes_profile(name: str) -> Profile:
    """The profile of a namespace allows all, that of a service account is empty."""
    return Profile(name, (allow(),), (allow(),)) if name.startswith("kns.") else Profile(name)
