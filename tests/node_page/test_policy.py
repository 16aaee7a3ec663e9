"""What the page of a policy says of it, from the rules Felix writes."""

from __future__ import annotations

from otel_calico.calico.model import IPVersion
from tests.end_to_end.cluster import WEB, felix_node
from tests.felix import Era, render
from tests.node_page.test_workload import CHAIN, RULESET, Watched, rule
from tests.node_page.text import said

BLOCK = "cali-pi-gnp/block-9090"
TO_BLOCK, DENY = rule(f"-j {BLOCK}"), rule("-j DROP", BLOCK)
ABOUT = "All of node node-1 default. block- 9090 Ingress IPv4, GlobalNetworkPolicy, tier default"
HOSTILE = "<img>&"
NONE = "\N{EN DASH}"
ENDPOINT = "Endpoint Entered Accepted Denied Passed on default/ web- 0"


def test_a_policy_is_told_what_it_decided_and_on_whose_packets() -> None:
    watched = Watched()
    watched.source.dumps[IPVersion.V4] = RULESET.dump({TO_BLOCK: (12, 720), DENY: (12, 720)})
    first = watched.look("name=default.block-9090", "/policy")
    assert first.status == 200
    assert said(first).startswith(f"{ABOUT} {BLOCK} On the whole node: denied 12 {ENDPOINT} 12 0 12 ")

    watched.source.dumps[IPVersion.V4] = RULESET.dump({TO_BLOCK: (19, 1140), DENY: (19, 1140)})
    assert " /s 19" in said(watched.look("name=default.block-9090", "/policy"))


def test_a_default_deny_in_a_group_says_what_the_group_did_and_what_was_dropped_behind_it() -> None:
    text = said(Watched().look("name=default%2Fknp.default.default-deny", "/policy"))  # drops at the end of its tier
    assert "It has no rules that decide. Endpoint Entered Accepted" in text
    assert "default/ web- 0 with its group of 2 dropped at the end of the tier: 41 0 0" in text


def test_the_pages_of_the_node_and_of_workloads_lead_to_it_by_its_name() -> None:
    watched = Watched()
    watched.look("", "/")
    watched.source.dumps[IPVersion.V4] = RULESET.dump({TO_BLOCK: (1, 60), DENY: (1, 60)})
    link = '<a href="/policy?name=default.block-9090">'
    assert link in watched.look("", "/").body.decode()
    assert link in watched.look(f"name={CHAIN}").body.decode()


def test_a_policy_is_found_by_its_chain_or_the_name_its_author_wrote() -> None:
    for name in (BLOCK, "block-9090"):
        assert said(Watched().look(f"name={name}", "/policy")).startswith(ABOUT)


def test_a_name_that_no_rule_knows_is_shown_as_text_and_nothing_else() -> None:
    gone = Watched().look("name=shop%2F%3Cimg%20src%3Dx%3E", "/policy")
    assert gone.status == 404
    assert b"<img" not in gone.body
    assert said(gone).startswith(
        "All of node node-1 shop/ <img src=x> No rule of this node belongs to a policy of this"
    )


def test_a_hostile_name_in_a_rule_is_only_a_name() -> None:
    watched = Watched()
    hashed = RULESET.dump({}).replace("gnp/block-9090", "_aaaaaaaaaaaaaaaaaaa")  # so that the comment names it
    watched.source.dumps[IPVersion.V4] = hashed.replace("block-9090", HOSTILE)
    page = watched.look("name=default.%3Cimg%3E%26", "/policy")
    assert page.status == 200
    assert b"<img" not in page.body
    assert said(page).startswith("All of node node-1 default. <img>& Ingress")


RULESET6 = render(felix_node(Era.E), IPVersion.V6)


def test_an_ip_version_in_which_nothing_counts_and_no_workload_has_an_address_is_not_shown() -> None:
    watched = Watched()
    watched.source.dumps[IPVersion.V6] = RULESET6.dump()
    assert "IPv6" not in said(watched.look("name=default.block-9090", "/policy"))

    watched.source.dumps[IPVersion.V6] = RULESET6.dump(dict.fromkeys(RULESET6.hashes, (3, 180)))
    assert "Ingress IPv6" in said(watched.look("name=default.block-9090", "/policy"))


def test_an_ip_version_in_which_a_workload_has_an_address_is_shown_before_anything_counts() -> None:
    for addresses in ((WEB.ipv4, WEB.ipv6), ()):
        watched = Watched(addresses)
        watched.source.dumps[IPVersion.V6] = RULESET6.dump()
        assert "Ingress IPv6" in said(watched.look("name=default.block-9090", "/policy"))


def test_every_policy_of_the_node_is_found_though_it_never_decided() -> None:
    watched = Watched()
    assert "block- 9090" not in said(watched.look("", "/"))
    found = said(watched.look("q=block-", "/"))
    assert f"default. block- 9090 GlobalNetworkPolicy, ingress {NONE} 0 0" in found
    without_rules = said(watched.look("q=default-deny", "/"))
    assert (
        f"default/ knp. default. default- deny KubernetesNetworkPolicy, ingress {NONE} {NONE} {NONE}" in without_rules
    )
    assert "No policy found." in said(watched.look("q=nobody", "/"))
