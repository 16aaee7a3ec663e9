"""The image, built of the Dockerfile as users build it, and its files laid out for an OCI runtime."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.image.base import base_image
from tests.image.machine import mounts
from tests.image.storage import Storage

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".image"
_COUNT = 'du --summarize --bytes --one-file-system "$1"'


@dataclass(frozen=True, slots=True)
class Image:
    """`root` has its files, `configuration` says how to run it in Docker's words, `added` are bytes over its base."""

    root: Path
    configuration: Mapping[str, Any]
    added: int


def built_image() -> Image:
    """The image of the code as it is now; built only where it was not yet."""
    CACHE.mkdir(exist_ok=True)
    storage = Storage(CACHE / "storage")
    base = base_image(storage)
    name = f"localhost/otel-calico:{_state(base)}"
    if not storage.has(name):
        storage.forget_former(base)
        build = ["--layers", "--format", "docker", "--network", "host", "--build-arg", f"BASE={base}", "--tag", name]
        volumes = [argument for mount in mounts(CACHE) for argument in ("--volume", mount)]
        storage.call("build", *build, *volumes, str(ROOT))
    root = CACHE / "root"
    with storage.container(name) as container, storage.container(base) as bare:
        added = _size(storage, container) - _size(storage, bare)
        _lay_out(storage, container, root, name)
    return Image(root / "files", storage.configuration(name), added)


def _state(base: str) -> str:
    """Told by the content of everything the image is built of."""
    digest = sha256(base.encode())
    for path in sorted(_built_of()):
        digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_mode}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _built_of() -> Iterator[Path]:
    yield ROOT / "Dockerfile"
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            named = ROOT / line[1:]
            yield from (one for one in named.rglob("*") if one.is_file() and "__pycache__" not in one.parts)
            if named.is_file():
                yield named


def _size(storage: Storage, container: str) -> int:
    return int(storage.script(_COUNT, container).split()[0])


def _lay_out(storage: Storage, container: str, root: Path, name: str) -> None:
    """Copy the files, unless those of this image are there already."""
    mark = root / "image"
    if mark.exists() and mark.read_text() == name:
        return
    if root.exists():
        shutil.rmtree(root)
    (root / "files").mkdir(parents=True)
    storage.script('cp --archive "$1/." "$2"', container, str(root / "files"))
    mark.write_text(name)
