"""Without credentials that is said, and where they were looked for; nobody is sent to RBAC for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.datastores.kubernetes.api_errors import ApiRequest, ErrorResponse, describe_response
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.conftest import Follow
from tests.kubernetes.handler import USER
from tests.node.programs import wait_until

GIVE = (
    "give the pod its service account (automountServiceAccountToken), or set KUBECONFIG, kubernetes.token_file, or "
    "K8S_CERT_FILE and K8S_KEY_FILE"
)
FORBIDDEN = "the API server treats our requests as system:anonymous, which may not"


def errors(follow: Follow, access: ApiAccess) -> dict[str, str]:
    """What each kind says."""
    datastore = follow(access, Lookups())
    wait_until(lambda: all(kind.errors for kind in datastore.status().kinds.values()), "errors")
    return {name: kind.last_error for name, kind in datastore.status().kinds.items()}


def test_who_has_no_credentials_is_told_where_they_were_looked_for(api: ApiServer, follow: Follow) -> None:
    api.behaviour.anonymous = True
    said = errors(follow, ApiAccess(api.url, looked_for=("/a/token", "/b/config")))
    assert said["pods"] == (
        f"{api.url}: {FORBIDDEN} list pods (403): we have none (looked for /a/token and /b/config): {GIVE}"
    )
    # The groups are asked for before Calico's kinds.
    assert said["globalnetworkpolicies"] == (
        f"{api.url}: {FORBIDDEN} get /apis/crd.projectcalico.org (403): we have none "
        f"(looked for /a/token and /b/config): {GIVE}"
    )
    assert not any("rbac" in text for text in said.values())


def test_a_server_that_knows_nobody_anonymous_says_the_same(api: ApiServer, follow: Follow) -> None:
    api.behaviour.tokens = {"good"}
    assert errors(follow, ApiAccess(api.url, looked_for=("/a/token",)))["pods"] == (
        f"{api.url}: the API server wants credentials for list pods (401), and we have none (looked for /a/token): "
        f"{GIVE}"
    )


def test_an_empty_token_file_is_told(api: ApiServer, follow: Follow, tmp_path: Path) -> None:
    api.behaviour.anonymous = True
    file = tmp_path / "token"
    file.write_text("\n")
    assert set(errors(follow, ApiAccess(api.url, token_file=str(file))).values()) == {f"the token file {file} is empty"}


def test_who_may_not_see_the_groups_is_not_sent_to_a_file_that_does_not_grant_it(
    api: ApiServer, follow: Follow
) -> None:
    api.behaviour.discovery = False
    datastore = follow(ApiAccess(api.url), Lookups())
    wait_until(lambda: datastore.status().kinds["globalnetworkpolicies"].errors > 0, "an error")
    assert datastore.status().kinds["globalnetworkpolicies"].last_error == (
        f"{api.url}: the API server forbids {USER} to get /apis/crd.projectcalico.org (403): "
        "grant the verb get on /apis/crd.projectcalico.org, as the cluster's own role system:discovery does"
    )


@pytest.mark.parametrize(
    ("access", "credentials"),
    [
        (ApiAccess("https://k", token="s3cret"), "token"),
        (ApiAccess("https://k", token_file="/t"), "token in /t"),
        (ApiAccess("https://k", cert_file="/c", key_file="/k"), "client certificate in /c"),
    ],
)
def test_credentials_that_do_not_reach_the_server_are_told(access: ApiAccess, credentials: str) -> None:
    message = 'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group ""'
    assert describe_response(ApiRequest("list", "pods"), ErrorResponse(403, message), access) == (
        f"{FORBIDDEN} list pods (403): our credentials ({credentials}) do not reach it: does a proxy between take them "
        "off, or is the server's URL another one's?"
    )


@pytest.mark.slow
def test_check_and_readyz_send_people_to_where_credentials_come_from(api: ApiServer, tmp_path: Path) -> None:
    api.behaviour.anonymous = True
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NODENAME": "node-1", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "otel_calico", "check"]
    done = subprocess.run(
        command, env={**env, "K8S_API_ENDPOINT": api.url}, capture_output=True, text=True, timeout=60, check=False
    )
    said = done.stdout.splitlines()
    (place,) = [number for number, line in enumerate(said) if f"{FORBIDDEN} list pods (403)" in line]
    assert "(looked for /var/run/secrets/kubernetes.io/serviceaccount/token)" in said[place]
    assert said[place + 1].strip() == "→ see docs/kubernetes.md, section Where the API server is"
    assert "rbac" not in done.stdout
