"""buildah and its images, in a directory that `make clean` removes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.node.programs import PATH, find_program

_TIME_LIMIT = 600  # seconds for one command
_MOST_IMAGES = 40


class BuildError(RuntimeError):
    """A command failed; holds the end of what it said."""


class Storage:
    """Images by name. Their files are mounted for one command at a time, in a mount namespace of its own."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self._buildah = [
            find_program("buildah"),
            "--root",
            str(directory / "images"),
            "--runroot",
            str(directory / "run"),
        ]
        # An OCI runtime of its own for each step, as a build by docker has.
        runtime = {"BUILDAH_ISOLATION": "oci", "BUILDAH_RUNTIME": find_program("runc")}
        self._environment = {**os.environ, "PATH": PATH, **runtime}

    def call(self, *arguments: str) -> str:
        """What `buildah` prints. Raises BuildError if it fails."""
        return self._run([*self._buildah, *arguments])

    def has(self, name: str) -> bool:
        """Whether there is an image of this name."""
        return any(name in (image["names"] or ()) for image in self._images())

    def configuration(self, name: str) -> Mapping[str, Any]:
        """How to run an image, in Docker's words."""
        found: Mapping[str, Any] = json.loads(self.call("inspect", "--type", "image", name))["Docker"]["config"]
        return found

    @contextmanager
    def container(self, image: str) -> Iterator[str]:
        """A working container of an image, or of nothing (`scratch`)."""
        name = self.call("from", image).strip()
        try:
            yield name
        finally:
            self.call("rm", name)

    def script(self, script: str, container: str, *arguments: str) -> str:
        """What a shell script prints. Its first argument is where the root of a working container is mounted."""
        buildah = shlex.join(self._buildah)
        whole = f'root=$({buildah} mount "$1"); shift; set -- "$root" "$@"\n{script}\n'
        printed = self._run(["unshare", "--mount", "sh", "-euc", whole, "sh", container, *arguments])
        self.call("umount", container)
        return printed

    def forget_former(self, *names: str) -> None:
        """Remove all images but these, where the layers of many former states of the code came together."""
        images = self._images()
        if len(images) > _MOST_IMAGES:
            kept = {image["id"] for image in images if set(names) & set(image["names"] or ())}
            self.call("rmi", "--force", *(image["id"] for image in images if image["id"] not in kept))

    def _images(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.call("images", "--all", "--json"))
        return found

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False, timeout=_TIME_LIMIT
        )
        if done.returncode:
            raise BuildError(f"{shlex.join(command)[:200]} ended with {done.returncode}: {done.stderr[-3000:]}")
        return done.stdout
