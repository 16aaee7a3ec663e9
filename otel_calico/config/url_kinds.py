"""Kinds of values that are URLs, or lists of them."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from otel_calico.config.kinds import Kind, split_list


def _url(given: str) -> str:
    text = given.strip()
    if _parts(text).scheme not in {"http", "https"}:
        raise ValueError("is no http:// or https:// URL")
    return text


def _url_or_host_port(given: str) -> str:
    text = given.strip()
    if "://" in text:
        return _url(text)
    if _parts(f"//{text}").port is None:
        raise ValueError("has neither a scheme nor a port")
    return text


def _parts(url: str) -> SplitResult:
    parts = urlsplit(url)
    try:
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in url):
        raise ValueError("is no URL")
    if parts.username or parts.password:
        raise ValueError("holds credentials, which would show up in logs")
    return parts


def _endpoints(given: str) -> tuple[str, ...]:
    return tuple(_url_or_host_port(part) for part in split_list(given))


url = Kind(_url, "a URL such as https://host:6443, without user and password")
url_or_host_port = Kind(
    _url_or_host_port, "http://host:port, https://host:port or host:port, without user and password"
)
endpoints = Kind(_endpoints, f"a comma list of {url_or_host_port.allowed}", ",".join)
