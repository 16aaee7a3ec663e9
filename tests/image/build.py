"""The image, built of the Dockerfile as users build it, and its files laid out for an OCI runtime."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.image.base import BASE, base_image
from tests.image.machine import mounts
from tests.image.storage import Storage

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".image"


@dataclass(frozen=True, slots=True)
class Image:
    """`root` has its files, `configuration` says how to run it in Docker's words, `added` are bytes over its base."""

    root: Path
    configuration: Mapping[str, Any]
    added: int


def built_image() -> Image:
    """The image of the code as it is now; built only where it was not yet, by one process at a time."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released as the file is closed
        return _kept_or_built()


def _kept_or_built() -> Image:
    name = f"localhost/otel-calico:{_state()}"
    files, notes = CACHE / "files", CACHE / "notes.json"
    noted = json.loads(notes.read_text()) if notes.exists() else {}
    if noted.get("name") != name:
        notes.unlink(missing_ok=True)
        noted = {"name": name, **_build(name, files)}
        notes.write_text(json.dumps(noted))
    return Image(files, noted["configuration"], noted["added"])


def _build(name: str, files: Path) -> dict[str, Any]:
    """Build the image and lay out its files; returns what else to know of it."""
    storage = Storage(CACHE / "storage")
    base = base_image(storage)
    storage.forget_former(base)
    how = ["--layers", "--format", "docker", "--network", "host", "--build-arg", f"BASE={base}", "--tag", name]
    # buildah's defaults are above what some machines let even root have.
    how += ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]
    volumes = [argument for mount in mounts(CACHE) for argument in ("--volume", mount)]
    storage.call("build", *how, *volumes, str(ROOT))
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir()
    with storage.container(name) as container, storage.container(base) as bare:
        storage.script('cp --archive "$1/." "$2"', container, str(files))
        added = _size(storage, container) - _size(storage, bare)
    return {"added": added, "configuration": storage.configuration(name)}


def _state() -> str:
    """Told by the content of everything the image is built of."""
    digest = sha256(BASE.encode())
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
    return int(storage.script('du --summarize --bytes --one-file-system "$1"', container).split()[0])
