"""The words of a page."""

from __future__ import annotations

from html.parser import HTMLParser

from otel_calico.web.message import Response


class _Words(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        if text := " ".join(data.split()):
            self.found.append(text)


def said(response: Response) -> str:
    """The words of its main part, in order."""
    html = response.body.decode()
    return " ".join(_Words(html[html.index("<main") : html.index("</main>")]).found)
