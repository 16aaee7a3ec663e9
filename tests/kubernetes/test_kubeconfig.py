"""Reading kubeconfig files, as client-go does."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.datastores.kubernetes.kubeconfig import KubeconfigError, access_from_files, access_from_text


def kubeconfig(name: str, *, current: bool = True, cluster: object = None, user: object = None) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "preferences": {},
            **({"current-context": name} if current else {}),
            "clusters": [{"name": f"{name}-cluster", "cluster": cluster or {"server": f"https://{name}:6443"}}],
            "contexts": [{"name": name, "context": {"cluster": f"{name}-cluster", "user": f"{name}-user"}}],
            "users": [{"name": f"{name}-user", "user": user or {"token": f"{name}-token"}}],
        }
    )


def test_the_first_of_several_files_counts_and_missing_ones_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(kubeconfig("a", current=False))
    (tmp_path / "b").write_text(kubeconfig("b"))
    paths = f"{tmp_path / 'none'}:{tmp_path / 'a'}:{tmp_path / 'b'}"
    assert access_from_files(paths) == ApiAccess("https://b:6443", token="b-token")
    assert access_from_files(paths, "a") == ApiAccess("https://a:6443", token="a-token")


def test_paths_start_from_the_file_and_data_wins_over_them(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    cluster = {
        "server": "https://k",
        "certificate-authority": "ca.pem",
        "tls-server-name": "k8s",
        "insecure-skip-tls-verify": True,
    }
    user = {
        "client-certificate": "/abs/cert.pem",
        "client-key": "../key.pem",
        "client-key-data": "a2V5",
        "tokenFile": "t",
        "token": "ignored",
    }
    (tmp_path / "etc" / "config").write_text(kubeconfig("k", cluster=cluster, user=user))
    assert access_from_files(str(tmp_path / "etc" / "config")) == ApiAccess(
        "https://k",
        server_name="k8s",
        ca_file=str(tmp_path / "etc" / "ca.pem"),
        cert_file="/abs/cert.pem",
        key="key",
        token_file=str(tmp_path / "etc" / "t"),
        insecure=True,
    )


@pytest.mark.parametrize(
    ("text", "context", "problem"),
    [
        ("", "", "inline kubeconfig has no current context: set K8S_CURRENT_CONTEXT"),
        (kubeconfig("a"), "b", "inline kubeconfig has no context 'b'"),
        (
            "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]",
            "",
            "inline kubeconfig has no cluster 'c'",
        ),
        ("a: [", "", r"inline kubeconfig: not YAML \(line 1\)"),
        ("clusters: 1", "", r"inline kubeconfig: Expected `array \| null`, got `int` - at `\$.clusters`"),
        (
            kubeconfig("a", user={"exec": {"command": "aws"}}),
            "",
            "user a-user gets its token from a program, which is not supported: use a service account or a token file",
        ),
        (kubeconfig("a", user={"username": "me", "password": "s3cret"}), "", "user a-user has a password"),
        (kubeconfig("a", cluster={"server": "https://a", "proxy-url": "http://p"}), "", "proxy-url is not supported"),
        (
            kubeconfig("a", cluster={"server": "https://a", "certificate-authority-data": "%"}),
            "",
            "certificate-authority-data is not PEM in base64",
        ),
    ],
)
def test_what_is_wrong_is_told(text: str, context: str, problem: str) -> None:
    with pytest.raises(KubeconfigError, match=problem) as raised:
        access_from_text(text, context)
    assert "s3cret" not in str(raised.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="none does not exist: check KUBECONFIG"):
        access_from_files(str(tmp_path / "none"))


def test_settings_override_what_a_kubeconfig_says() -> None:
    base = ApiAccess("https://a", ca="pem", cert="c", key="k", token_file="t")
    over = ApiAccess("https://b", ca_file="ca.pem", token="x")
    assert base.overridden(over) == ApiAccess("https://b", ca_file="ca.pem", cert="c", key="k", token="x")
    assert base.overridden(ApiAccess()) == base


@pytest.mark.parametrize(
    ("access", "problem"),
    [
        (ApiAccess(), "no Kubernetes API server is named"),
        (ApiAccess("k:6443"), "expected https://HOST:PORT"),
        (ApiAccess("https://k:x"), "expected https://HOST:PORT"),
        (ApiAccess("https://k", cert_file="c"), "needs its key, and the key its certificate"),
    ],
)
def test_what_cannot_work_is_told(access: ApiAccess, problem: str) -> None:
    (text,) = access.problems()
    assert problem in text
