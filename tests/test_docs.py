"""What the documentation promises of itself: its links lead somewhere, and its map of the code is the code's."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_calico.failed_parts import ScanPart

ROOT = Path(__file__).parent.parent
MADE_HERE = {".venv", ".image", ".pytest_cache", "build", "dist", "node_modules"}
LINK = re.compile(r"\]\(([^)\s]+)\)")
OUR_FILE = re.compile(r"`((?:[\w.]+/)+\w+\.py)`")
CODE_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def files(ending: str) -> Iterator[Path]:
    """The files of the repository whose names end so; what was made here is not looked into."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in MADE_HERE]
        yield from (Path(folder, name) for name in names if name.endswith(ending))


PAGES = sorted(files(".md"))


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return CODE_BLOCK.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """The anchors GitHub makes of headings, and those in HTML."""
    text = prose(page)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower() for heading in headings)
    made = {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}
    return made | set(re.findall(r'<\w+ (?:id|name)="([^"]+)"', text))


def dead_links(page: Path) -> Iterator[str]:
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    assert list(dead_links(page)) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `two`\n[a](#one-two) [b](#three) [c](gone.md) [d](page.md#four) [e](https://example.org/x)\n"
    )
    assert list(dead_links(page)) == ["#three", "gone.md", "page.md#four"]


def test_every_file_of_the_code_that_is_named_is_there() -> None:
    code = [f"/{path.relative_to(ROOT)}" for path in files(".py")]
    named = {(page.name, file) for page in PAGES for file in OUR_FILE.findall(prose(page))}
    assert len(named) > 5
    assert {(page, file) for page, file in named if not any(path.endswith(f"/{file}") for path in code)} == set()


def test_the_design_names_every_package() -> None:
    packages_of_design = (ROOT / "docs" / "design.md").read_text().partition("## Packages")[2].partition("\n## ")[0]
    first_column = re.findall(r"^\| (`.*?) \|", packages_of_design, re.MULTILINE)
    named = set(re.findall(r"`(\w+)/?`", " ".join(first_column)))
    package = ROOT / "otel_calico"
    there = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert named == there - {"__init__", "__main__"}


def log_events() -> set[str]:
    """The names that the package gives to what it logs."""
    calls = (
        node
        for module in (ROOT / "otel_calico").rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
    )
    return {
        str(call.args[0].value)
        for call in calls
        if (ast.unparse(call.func).startswith("log.") or call.func.attr == "_tell_names")  # type: ignore[attr-defined]
        and isinstance(call.args[0], ast.Constant)
    }


def test_every_log_event_is_explained() -> None:
    page = (ROOT / "docs" / "logs.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == sorted(log_events())


@pytest.mark.parametrize("page", ["metrics.md", "runbooks/OtelCalicoPartFailing.md"])
def test_every_part_of_a_scan_that_can_fail_alone_is_explained(page: str) -> None:
    explained = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / page).read_text(), re.MULTILINE)
    assert {part.value for part in ScanPart} <= set(explained)
