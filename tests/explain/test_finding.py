"""A target may be written as people write it."""

from __future__ import annotations

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.explain.find import Found, find
from otel_calico.explain.node_view import NodeView
from tests.explain.test_path import ALLOW, BLOCK, NONE, node
from tests.explain.views import WEB, lookups, scan
from tests.felix import render
from tests.felix.kernel import Kernel

PATHS = [f"cali-tw-{WEB}", f"cali-fw-{WEB}"]


def view(known: Lookups) -> NodeView:
    """A pod with a group of two policies and a policy alone."""
    return NodeView(scan(Kernel(render(node(BLOCK, ALLOW, NONE)))), known)


@pytest.mark.parametrize("target", ["shop/web", "web", WEB])
def test_a_pod_is_found_by_its_name_and_its_interface(target: str) -> None:
    assert [endpoint.chain for endpoint in find(view(lookups()), target).endpoints] == PATHS


def test_without_a_datastore_a_pod_is_found_by_the_interface_that_calico_gives_it() -> None:
    found = find(view(Lookups()), "default/web-0")
    assert [endpoint.chain for endpoint in found.endpoints] == PATHS


@pytest.mark.parametrize("target", ["shop/knp.default.allow", "shop/allow", "allow"])
def test_a_policy_is_found_by_its_canonical_and_its_own_name(target: str) -> None:
    assert [policy.name for policy in find(view(lookups()), target).policies] == ["shop/knp.default.allow"]


def test_a_chain_is_what_it_is_of() -> None:
    shown = view(lookups())
    assert [endpoint.chain for endpoint in find(shown, PATHS[0]).endpoints] == PATHS[:1]
    (group,) = shown.groups
    assert [policy.name for policy in find(shown, group).policies] == [
        "shop/knp.default.allow",
        "shop/knp.default.none",
    ]


@pytest.mark.parametrize(
    ("target", "near"),
    [
        ("shop/wep", ("shop/web",)),
        ("defualt.block", ("default.block",)),
        ("alow", ("shop/knp.default.allow",)),
        ("cali-tw-cali0d77", tuple(PATHS)),
        ("other/app", ()),
    ],
)
def test_an_unknown_name_brings_those_like_it(target: str, near: tuple[str, ...]) -> None:
    assert find(view(lookups()), target) == Found(near=near)
