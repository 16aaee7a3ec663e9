"""Keeps memory small: settings of the C library's allocator and of Python's garbage collector."""

from __future__ import annotations

import contextlib
import ctypes
import gc

_M_ARENA_MAX = -8  # malloc.h of glibc
_LOOK_AFTER = 3_000
"""Objects made since the last look before Python looks for garbage: about those of a page. Its default of 700 has it
look several times a page; what a push leaves behind, in circles, should not wait for long either."""


def prepare() -> None:
    """Let all threads allocate from one arena, and garbage be looked for rarely: to be called before threads start.

    glibc gives threads arenas of their own, each of which keeps what one large scan or page once needed. Other C
    libraries have no such arenas, and no such call.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    gc.set_threshold(_LOOK_AFTER)


def settle() -> None:
    """Take what exists now for permanent: the garbage collector need not walk it again after each scan."""
    gc.collect()
    gc.freeze()
