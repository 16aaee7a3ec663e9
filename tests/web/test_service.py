"""The service started with a web configuration file, as users start it."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest

from tests.node.programs import wait_until
from tests.node.service import Service
from tests.sources.memory import BARE
from tests.web.site import PAGE, Site, hashed

SECRET, WRONG = "correct-horse", "battery-staple"


def status(service: Service, site: Site, user: str = "", path: str = PAGE) -> int:
    """What the service answers a client that trusts it; 0 if it does not answer."""
    try:
        return site.ask(path, site.trusting(), user, port=service.port)[0]
    except (OSError, http.client.HTTPException):
        return 0


@pytest.mark.slow
def test_nothing_of_a_secret_gets_into_the_log_and_a_broken_file_is_told_there(tmp_path: Path) -> None:
    site, hashed_secret = Site(tmp_path), hashed(SECRET)
    site.write(
        tls_server_config={"cert_file": "cert.pem", "key_file": "key.pem"}, basic_auth_users={"prom": hashed_secret}
    )
    rules = tmp_path / "rules.txt"
    rules.write_text(BARE)
    env = {"OTEL_CALICO_WEB_CONFIG_FILE": str(site.path), "OTEL_CALICO_LOG_LEVEL": "debug", "NODENAME": "node-1"}
    with Service(env, "--ruleset", str(rules)) as service:
        service.start("")
        service.wait(lambda: status(service, site, path="/healthz") == 200, "/healthz")
        assert status(service, site, f"prom:{SECRET}") == 200
        assert status(service, site, f"prom:{WRONG}") == status(service, site, f"{WRONG}:{SECRET}") == 401
        assert status(service, site, path="/readyz") == 503
        site.path.write_text(f"basic_auth_users: {{prom: {SECRET}}}\nwrong: {WRONG}\n")
        wait_until(lambda: "web_config_refused" in service.log, "a look at the file", 10)
        assert status(service, site, f"prom:{SECRET}") == 200
        log = service.log
    assert "basic_auth_users.prom: is no bcrypt hash" in log
    assert [text for text in (SECRET, WRONG, hashed_secret, "cHJvbT") if text in log] == []


@pytest.mark.slow
def test_a_file_that_cannot_be_used_stops_the_start_with_all_reasons(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text("basic_auth_users: {prom: plain}\ntls: {}\n")
    with Service({"OTEL_CALICO_WEB_CONFIG_FILE": str(file), "NODENAME": "node-1"}, "--ruleset", str(file)) as service:
        service.start("")
        assert service.end() == 2
        assert service.log.splitlines()[-2:] == [
            f"Error: {file}: basic_auth_users.prom: is no bcrypt hash; `htpasswd -nBC 10 NAME` makes one",
            f"{file}: tls: unknown key",
        ]
