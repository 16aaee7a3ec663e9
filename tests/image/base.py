"""A base image like the one the Dockerfile names: Debian's stable release with Python, made by debootstrap.

There is no registry in the tests. Its Python is Debian's own, of the same version.
"""

from __future__ import annotations

from hashlib import sha256

from tests.image.machine import mirror
from tests.image.storage import Storage
from tests.node.programs import find_program

RELEASE = "trixie"
_PACKAGES = "python3,python3-venv"
_MAKE = r"""
root=$1; release=$2; packages=$3; shift 3
debootstrap --variant=minbase --include="$packages" "$release" "$root" "$@" >&2
ln -s /usr/bin/python3 "$root/usr/local/bin/python"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
# As in the images of Debian: nothing that was downloaded stays in a layer.
cat >"$root/etc/apt/apt.conf.d/docker-clean" <<'END'
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Keep-Downloaded-Packages "false";
Acquire::Languages "none";
END
"""


BASE = f"localhost/base:{sha256(f'{RELEASE} {_PACKAGES} {_MAKE}'.encode()).hexdigest()[:12]}"
"""Name of the image."""


def base_image(storage: Storage) -> str:
    """The name of the base image, which is made if it is not in the storage."""
    if not storage.has(BASE):
        find_program("debootstrap")
        with storage.container("scratch") as container:
            source = mirror()
            storage.script(_MAKE, container, RELEASE, _PACKAGES, *([source] if source else []))
            storage.call("commit", "--quiet", container, BASE)
    return BASE
