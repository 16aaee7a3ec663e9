"""Keeps the process small: hints to the C library and to Python's garbage collector."""

from __future__ import annotations

import contextlib
import ctypes
import gc

_M_ARENA_MAX = -8  # malloc.h of glibc


def use_one_arena() -> None:
    """Let all threads allocate from one arena: to be called before threads start.

    glibc gives threads arenas of their own, each of which keeps what one large scan or page once needed. Other C
    libraries have no such arenas, and no such call.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def settle() -> None:
    """Take what exists now for permanent: the garbage collector need not walk it again after each scan."""
    gc.collect()
    gc.freeze()
