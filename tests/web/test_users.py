"""Basic authentication: who gets in, who does not, and that nobody learns which users there are."""

from __future__ import annotations

import socket
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from otel_calico.web.users import Credentials, Users, credentials
from tests.node.programs import wait_until
from tests.web.site import PAGE, PROBE, Site, hashed

REFUSED = (401, "Authentication required (HTTP Basic).")
SERVED = (200, "GET /metrics admitted")


def test_only_the_right_password_gets_in_and_probes_are_answered_to_all(tmp_path: Path) -> None:
    long = "x" * 80
    users = {"prom": hashed("secret"), "ünï": hashed("pässword:1"), "long": hashed(long[:72])}
    with Site(tmp_path).write(basic_auth_users=users).start() as site:
        claims = ["", "prom:secret", "prom:secret", "prom:wrong", "prom:", "nobody:secret", "ünï:pässword:1"]
        answers = {claim: site.ask(PAGE, user=claim) for claim in claims}
        assert answers == {
            "": REFUSED,
            "prom:secret": SERVED,
            "prom:wrong": REFUSED,
            "prom:": REFUSED,
            "nobody:secret": REFUSED,
            "ünï:pässword:1": SERVED,
        }
        assert site.ask(PAGE, user=f"long:{long}") == SERVED
        assert site.ask("/secret", user="prom:wrong") == REFUSED
        assert site.ask(PROBE) == (200, "GET /healthz not admitted")
        assert site.ask(PROBE, user="prom:secret") == (200, "GET /healthz admitted")


def test_a_request_is_not_let_in_by_the_password_of_the_one_behind_it(tmp_path: Path) -> None:
    with Site(tmp_path).write(basic_auth_users={"prom": hashed("secret")}).start() as site:
        password = b"Authorization: Basic " + b64encode(b"prom:secret") + b"\r\n\r\n"
        with socket.create_connection(("127.0.0.1", site.server.port), timeout=20) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n" + password)
            assert client.recv(1000).startswith(b"HTTP/1.1 401 ")


@pytest.mark.slow
def test_users_that_change_in_the_file_change_at_once_for_clients_that_were_in(tmp_path: Path) -> None:
    with Site(tmp_path).write(basic_auth_users={"prom": hashed("old"), "leaving": hashed("x")}).start() as site:
        assert site.ask(user="prom:old") == site.ask(user="leaving:x") == SERVED
        site.write(basic_auth_users={"prom": hashed("new")})
        wait_until(lambda: site.ask(user="prom:new") == SERVED, "the new password", 10)
        assert site.ask(user="prom:old") == site.ask(user="leaving:x") == REFUSED


@pytest.mark.slow
def test_a_file_that_breaks_leaves_the_former_users_in_place(tmp_path: Path) -> None:
    with Site(tmp_path).write(basic_auth_users={"prom": hashed("secret")}).start() as site:
        file = site.file
        assert file is not None
        site.write(basic_auth_users={"prom": "no hash"})
        wait_until(lambda: not file.in_effect, "a look at the file", 10)
        assert site.ask(user="prom:secret") == SERVED
        assert site.ask() == REFUSED
        site.write(basic_auth_users={"prom": hashed("other")})
        wait_until(lambda: file.in_effect, "a look at the file", 10)
        assert site.ask(user="prom:other") == SERVED


def test_an_unknown_user_costs_as_much_as_a_wrong_password() -> None:
    users = Users({"cheap": hashed("x"), "dear": hashed("secret", 9)})

    def cost(user: str) -> float:
        before = time.thread_time()
        assert not users.verify(Credentials(user, b"wrong"))
        return time.thread_time() - before

    assert 0.4 < cost("nobody") / cost("dear") < 2.5


def test_who_got_in_once_costs_no_hash_again_and_no_flood_of_others_changes_that() -> None:
    users = Users({"prom": hashed("secret"), "other": hashed("else")})
    right = Credentials("prom", b"secret")
    assert not users.remembers(right)
    assert users.verify(right)
    for number in range(50):
        assert not users.verify(Credentials("prom", b"%d" % number))
        assert not users.verify(Credentials(f"user-{number}", b"secret"))
    assert users.remembers(right)
    assert not users.remembers(Credentials("other", b"secret"))
    assert not users.remembers(Credentials("prom", b"wrong"))


def test_what_is_no_claim_is_none_and_a_claim_never_shows_its_password() -> None:
    for header in ("", "Bearer abc", "Basic", "Basic !!", "Basic YWJj", "Basic /zp4", "Basic \xff"):
        assert credentials(header) is None
    claim = credentials("basic cHJvbTphOmI=")
    assert claim == Credentials("prom", b"a:b")
    assert "a:b" not in repr(claim)


@pytest.mark.slow
def test_a_flood_of_wrong_passwords_takes_nobodys_turn_who_is_in(tmp_path: Path) -> None:
    with Site(tmp_path).write(basic_auth_users={"prom": hashed("secret", 10)}).start() as site:
        assert site.ask(user="prom:secret") == SERVED
        with ThreadPoolExecutor(30) as flood:
            refused = [flood.submit(site.ask, user=f"prom:{number}") for number in range(60)]
            wait_until(lambda: any(one.done() for one in refused), "the flood", 20)
            assert site.ask(user="prom:secret") == SERVED
            assert not all(one.done() for one in refused), "still under way"
            assert {one.result() for one in refused} == {REFUSED}
