"""Kinds of values that choose workloads: lists of namespaces, and Kubernetes label selectors."""

from __future__ import annotations

import re

from otel_calico.calico.label_selector import LabelSelector, parse_selector
from otel_calico.config import kinds
from otel_calico.config.kinds import Kind

_NAMESPACE = re.compile(r"[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?")


def _namespaces(given: str) -> tuple[str, ...]:
    found = kinds.names.parse(given)
    wrong = [name for name in found if not _NAMESPACE.fullmatch(name)]
    if wrong:
        raise ValueError(f'names "{wrong[0]}", which no namespace can be called')
    return found


namespace_list = Kind(_namespaces, "a comma list of namespaces, in which * stands for any characters", ",".join)
label_selector: Kind[LabelSelector] = Kind(
    parse_selector,
    "requirements such as app=web,tier!=cache,env in (prod,test),!canary",
    lambda selector: selector.text,
)
