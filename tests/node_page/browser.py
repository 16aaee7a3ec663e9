"""A real Chromium, here or inside a node's namespace, and what it complains about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

from tests.node.namespace import Namespace, command_in

DESKTOP, PHONE = (1280, 900), (390, 844)


@dataclass(frozen=True)
class Tab:
    """A page, and everything the browser said against it."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def barriers(self) -> list[str]:
        """What keeps people with a screen reader, a keyboard or weak eyes from using the page."""
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def main(self) -> str:
        """The words of the page as one sees them."""
        return " ".join(self.page.inner_text("main").split())


@contextmanager
def browser(
    folder: Path,
    namespace: Namespace | None = None,
    size: tuple[int, int] = DESKTOP,
    *,
    dark: bool = False,
    script: bool = True,
    login: tuple[str, str] | None = None,
) -> Iterator[Tab]:
    """One tab, closed in the end. `folder` is for files of the test."""
    starter = folder / "chromium"
    command = " ".join(command_in(namespace, ["chromium"]))
    starter.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    starter.chmod(0o755)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=starter, args=["--no-sandbox"])
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            is_mobile=size == PHONE,
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            ignore_https_errors=True,
            http_credentials={"username": login[0], "password": login[1]} if login else None,
        )
        tab = Tab(context.new_page())
        tab.page.on("console", lambda message: tab.complaints.append(message.text))
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.page.on("requestfailed", lambda request: tab.complaints.append(f"{request.url}: {request.failure}"))
        try:
            yield tab
        finally:
            chromium.close()
