"""The page in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from otel_calico import demo
from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.status import DatastoreStatus
from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT_DROP
from otel_calico.node_page.pages import NodePages
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.node_scanner import NodeScanner
from otel_calico.series import Readings
from otel_calico.service.exporters import Exporters
from otel_calico.telemetry.export_settings import ExportSettings
from otel_calico.web.protection import ProtectionFile
from tests.end_to_end.live_node import LiveNode
from tests.felix import Era
from tests.node_page.browser import PHONE, browser
from tests.telemetry.snapshots import WEB, Node, series, snapshot
from tests.web.site import Site, hashed

pytestmark = pytest.mark.node

HOSTILE = "<img src=x onerror=alert(1)>\"'</script><script>document.title='taken'</script>"
REFRESHED = 15_000  # milliseconds: three refreshes, on a busy machine


@contextmanager
def served(
    collector: Collector,
    *,
    lookups: Lookups | None = None,
    protection: ProtectionFile | None = None,
) -> Iterator[Exporters]:
    """A node that shows these scans, with pages for people."""
    pages = NodePages("node-1", collector, DatastoreStatus, lookups or Lookups())
    settings = ExportSettings("node-1", listen_port=0, listen_address="127.0.0.1")
    telemetry = Exporters(settings, collector, protection=protection, pages=pages.routes)
    telemetry.start()
    try:
        yield telemetry
    finally:
        telemetry.stop()


@pytest.fixture
def node() -> Iterator[LiveNode]:
    with LiveNode.of_era(Era.E, "nft") as made:
        yield made


def test_a_drop_of_real_packets_shows_up_by_itself_and_leads_to_its_workload(node: LiveNode, tmp_path: Path) -> None:
    service = node.service().start()
    with browser(tmp_path, node.namespace) as tab:
        tab.page.goto(f"http://{service.address}/")
        assert "Ready" in tab.main()
        assert "No packet of a workload was dropped." in tab.main()
        node.send({5353: 3})
        row = tab.page.locator("section", has_text="Dropped").locator("tbody tr")
        row.wait_for(timeout=REFRESHED)
        words = " ".join(row.inner_text().split())
        assert words.startswith("default/web-0 to the workload: no policy of tier default accepted it ")
        assert words.endswith(" 3")
        row.get_by_role("link").click()
        tab.page.get_by_role("heading", name="default/web-0").wait_for()
        assert "3 packets to default/web-0 were dropped at the end of tier default: none of its" in tab.main()
        assert tab.barriers() == []
        tab.page.get_by_role("link", name="default.block-9090").first.click()
        tab.page.get_by_role("heading", name="default.block-9090").wait_for()
        row = tab.page.locator("tbody tr").first
        assert " ".join(row.inner_text().split()).startswith("default/web-0")
        assert tab.barriers() == []
        assert tab.complaints == []


@pytest.mark.parametrize(("size", "dark"), [((1280, 900), False), (PHONE, True)])
def test_hostile_names_are_only_names_and_nobody_is_kept_out(
    tmp_path: Path, size: tuple[int, int], *, dark: bool
) -> None:
    labels = {**WEB, "pod": HOSTILE, "policy": HOSTILE, "tier": HOSTILE}
    shown = snapshot(
        Readings(series(NO_POLICY_DROP, labels, WEB), (3, 4)), Readings(series(POLICY_ACCEPT_DROP, labels), (2,))
    )
    with served(Node(shown).collector) as telemetry, browser(tmp_path, size=size, dark=dark) as tab:
        tab.page.goto(f"http://127.0.0.1:{telemetry.port}/")
        assert HOSTILE in tab.main()
        assert tab.page.locator("img").count() == 0
        assert tab.page.title() == "node-1 · otel-calico"
        assert tab.barriers() == []
        assert tab.page.evaluate("document.documentElement.scrollWidth") == size[0]
        tab.page.keyboard.press("Tab")
        assert tab.page.evaluate("document.activeElement.textContent") == "Skip to content"
        tab.page.get_by_role("searchbox").fill(HOSTILE)
        tab.page.keyboard.press("Enter")
        tab.page.get_by_text("Show everything").wait_for()
        assert HOSTILE in tab.main()
        assert tab.complaints == []


def test_without_a_script_all_is_there_and_behind_tls_and_a_password_too(tmp_path: Path) -> None:
    site = Site(tmp_path).write(
        tls_server_config={"cert_file": "cert.pem", "key_file": "key.pem"},
        basic_auth_users={"me": hashed("secret")},
    )
    shown = snapshot(Readings(series(NO_POLICY_DROP, WEB), (3,)))
    with (
        served(Node(shown).collector, protection=ProtectionFile(site.path)) as telemetry,
        browser(tmp_path, script=False, login=("me", "secret")) as tab,
    ):
        tab.page.goto(f"https://localhost:{telemetry.port}/")
        assert "no policy of tier default accepted it" in tab.main()
        assert not tab.page.get_by_role("button", name="Live").is_visible()
        tab.page.get_by_role("searchbox").fill("nowhere")
        tab.page.keyboard.press("Enter")
        tab.page.get_by_text("Nothing found.").wait_for()
        tab.page.get_by_role("link", name="Refresh").click()
        assert "Nothing found." in tab.main()


def test_the_page_of_a_workload_that_ended_says_so_and_does_not_call_the_service_gone(tmp_path: Path) -> None:
    with served(Node(snapshot()).collector) as telemetry, browser(tmp_path) as tab:
        tab.page.goto(f"http://127.0.0.1:{telemetry.port}/workload?name=shop/web-0")
        tab.page.evaluate("document.getElementById('main').textContent = 'what was shown before'")
        tab.page.get_by_text("It may have ended").wait_for(timeout=REFRESHED)
        assert tab.page.locator("#news").inner_text() == ""


@pytest.mark.parametrize(
    "path", ["/", "/workload?name=shop/worker-5b8c6d7f9-q8hjd", "/policy?name=security.block-known-bad"]
)
def test_every_page_of_a_busy_node_fits_a_phone(tmp_path: Path, path: str) -> None:
    lookups = Lookups()
    demo.fill(lookups)
    collector = Collector(NodeScanner(demo.DemoSource(), lookups))
    with (
        served(collector, lookups=lookups) as telemetry,
        browser(tmp_path, size=PHONE) as tab,
    ):
        tab.page.goto(f"http://127.0.0.1:{telemetry.port}{path}")
        assert "shop/worker-5b8c6d7f9-q8hjd" in tab.main()
        assert tab.page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        assert tab.barriers() == []
