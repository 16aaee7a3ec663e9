"""The image works on a real node with exactly what the chart gives it: its capabilities, its files, its environment."""

from __future__ import annotations

import ssl
import sys
import time
from base64 import b64encode
from pathlib import Path

import bcrypt
import pytest
import trustme
import yaml

from tests.chart.release import CASES, Manifest, manifests, only
from tests.end_to_end.cluster import NODE_NAME
from tests.end_to_end.live_node import DATAPLANES, LiveNode
from tests.end_to_end.traffic import POLICY_METRICS, Traffic, expected
from tests.felix import Era
from tests.image.build import Image
from tests.image.container import Container
from tests.node.etcd import TLSFiles
from tests.node.web import answers, fetch

pytestmark = [pytest.mark.node, pytest.mark.image, pytest.mark.timeout(900)]  # the first test builds the image

SENT = Traffic({8080: 7, 9090: 3, 5353: 2, 7070: 5, 6666: 4}, {8080: 6, 53: 9})
BITS = {"NET_ADMIN": 12, "NET_RAW": 13}  # linux/capability.h
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
LARGEST = 90_000_000  # bytes over the base
READY_IN = 10.0  # seconds


def check(container: Container) -> tuple[int, list[str]]:
    """`kubectl exec POD -- otel-calico check`: its exit code, and what is not well."""
    ended = container.execute("otel-calico", "check")
    assert ended.stdout, ended.stderr
    return ended.returncode, [line for line in ended.stdout.splitlines() if not line.startswith("ok ")]


def helm_test(node: LiveNode, release: list[Manifest]) -> str:
    """What the chart's test pod says, without capabilities, of this node in place of the Service's name."""
    (container,) = only("Pod", release)["spec"]["containers"]
    script, _, port = container["args"]
    rightless = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    return node.namespace.run(*rightless, sys.executable, *container["command"][1:], script, "127.0.0.1", port)


def test_the_image_is_small(image: Image) -> None:
    assert image.added <= LARGEST


@pytest.mark.parametrize("dataplane", DATAPLANES)
def test_the_rights_of_the_chart_are_enough_and_all_that_the_image_has(dataplane: str, image: Image) -> None:
    traffic = {4: SENT, 6: SENT}
    values = {**CASES["etcd-from-calico"], "config": {"datastore": {"type": "etcdv3"}, "metrics": {"freshness": 0}}}
    with LiveNode.of_era(Era.E, dataplane) as node:
        without_tls = {"etcd_ca": "", "etcd_cert": "", "etcd_key": ""}
        calico = {"calico-config": {"etcd_endpoints": node.etcd.endpoint, **without_tls}}
        release = manifests(values)
        with Container(release, image, node.namespace, "not-the-name-in-calico", config_maps=calico) as container:
            name_file = container.volumes.host / "var/lib/calico/nodename"
            name_file.parent.mkdir(parents=True)
            name_file.write_text(NODE_NAME)
            before = time.monotonic()
            container.start()
            assert time.monotonic() - before <= READY_IN
            for ip_version in traffic:
                SENT.send(node, ip_version)
            page = container.scrape()
            assert {name: page[name] for name in POLICY_METRICS} == expected(Era.E, traffic, traffic)
            assert page["otel_calico_scan_unlocked"] == {frozenset(): 0}
            own, mask = container.rights, f"{sum(1 << BITS[name] for name in container.capabilities):016x}"
            assert (own["CapEff"], own["CapPrm"], own["CapBnd"], own["CapInh"]) == (mask, mask, mask, "0" * 16)
            assert (own["Uid"], own["NoNewPrivs"], own["Seccomp"]) == ("0\t0\t0\t0", "1", "2")
            assert container.execute("touch", "/tmp/file").returncode != 0  # noqa: S108 - in the container
            assert all(answers(container.url(probe), namespace=node.namespace) for probe in PROBES)
            health = image.configuration["Healthcheck"]["Test"]
            assert (health[0], container.execute(*health[1:]).returncode) == ("CMD", 0)
            assert check(container) == (0, [])
            assert helm_test(node, release).startswith("127.0.0.1 ready")
            assert container.stop() == 0
            assert [line for line in container.log.splitlines() if '"level": "info"' not in line] == []


def test_certificates_users_and_passwords_come_from_secrets_and_probes_need_none(image: Image, tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    certificate, key = issued.cert_chain_pems[0].bytes().decode(), issued.private_key_pem.bytes().decode()
    ca = authority.cert_pem.bytes().decode()
    files = TLSFiles(*(str(tmp_path / name) for name in ("ca.pem", "certificate.pem", "key.pem")))
    for name, text in zip((files.authority, files.certificate, files.key), (ca, certificate, key), strict=True):
        Path(name).write_text(text)
    password = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
    web = {
        "tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"},
        "basic_auth_users": {"prometheus": password},
    }
    secrets = {
        "otel-calico-etcd": {"etcd-ca": ca, "etcd-cert": certificate, "etcd-key": key},
        "otel-calico-web": {"web.yml": yaml.safe_dump(web)},
        "otel-calico-tls": {"tls.crt": certificate, "tls.key": key},
    }
    with LiveNode.of_era(Era.E, "nft", files) as node:
        config = {"datastore": {"type": "etcdv3"}, "etcd": {"endpoints": [node.etcd.endpoint]}}
        values = {**CASES["etcd-tls"], "config": config, "etcd": {"tls": {"secretName": "otel-calico-etcd"}}}
        values["extraEnv"] = [{"name": "NODENAME", "value": NODE_NAME}]
        release = manifests(values)
        trusting = ssl.create_default_context(cadata=ca)
        with Container(release, image, node.namespace, NODE_NAME, secrets=secrets) as container:
            container.start(wait_for="")
            container.wait(
                lambda: answers(container.url("readinessProbe"), namespace=node.namespace, tls=trusting), "ready"
            )
            assert all(answers(container.url(probe), namespace=node.namespace, tls=trusting) for probe in PROBES)
            page = container.url("readinessProbe").replace("/readyz", "/metrics")
            assert fetch(page, namespace=node.namespace, tls=trusting).status == 401
            header = {"Authorization": f"Basic {b64encode(b'prometheus:open sesame').decode()}"}
            assert fetch(page, namespace=node.namespace, tls=trusting, headers=header).status == 200
            assert check(container) == (0, [])
            assert helm_test(node, release).startswith("127.0.0.1 ready")
