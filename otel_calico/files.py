"""Reads files written by others, up to a size limit for each kind."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STANDARD_INPUT = "-"
LARGEST_DUMP = 256 << 20
"""Bytes of saved rules: 50,000 rules are 10 MB."""
LARGEST_EXPORT = 256 << 20
"""Bytes of a datastore export: 50,000 policies are 50 MB."""
LARGEST_CONFIGURATION = 1 << 20
"""Bytes of a file with settings, a certificate or a token: a ConfigMap or Secret holds no more."""


def read_bounded(path: str | Path, most: int) -> bytes:
    """The bytes of a file, or of standard input for `-`. Raises OSError, also for more than `most` bytes."""
    if str(path) == STANDARD_INPUT:
        data = sys.stdin.buffer.read(most + 1)
    else:
        with Path(path).open("rb") as file:
            data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"larger than {most >> 20} MiB")
    return data


@contextmanager
def as_file(text: str, file: str | Path | None) -> Iterator[str]:
    """A path for libraries that read only files, such as OpenSSL: `file`, or `text` in a file that exists in memory."""
    if file and not text:
        yield str(file)
        return
    descriptor = os.memfd_create("text")
    try:
        os.write(descriptor, text.encode())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def read_kernel_file(path: str) -> str:
    """What the kernel says in a short file of `/proc`. Raises OSError.

    Some of these are read at every scrape, and `open` would take four times as long.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = b""
        while part := os.read(descriptor, 1 << 16):
            text += part
        return text.decode()
    finally:
        os.close(descriptor)
