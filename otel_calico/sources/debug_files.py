"""Reads the debug files of the eBPF dataplane: a directory of small files, of which only what changed is read again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from otel_calico.ebpf.debug_file import DebugFileError, program_key, read_debug_file
from otel_calico.ebpf.program import Program, ProgramKey
from otel_calico.ebpf.state import DebugFiles, Programs
from otel_calico.files import read_bounded

_LARGEST = 64 << 20
"""Bytes of one file: 2,000 for each rule."""

_SETTLED = 1.0
"""Seconds after which a file that was written is surely whole: until then it is read again."""

_Stamp = tuple[int, int, int]  # inode, time of the last change in nanoseconds, size


@dataclass(frozen=True, slots=True)
class _Known:
    """A file as it was read; `stamp` is None where it is to be read again."""

    stamp: _Stamp | None
    program: Program


class DebugFileReader:
    """One directory, look after look. Not for several threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, _Known] = {}
        self._looked = False
        self._interfaces: Set[str] = frozenset()
        self._told = Programs()

    def look(self, interfaces: Set[str]) -> Programs:
        """What the files tell now, of these interfaces and of others. Never raises.

        The same object as before where nothing changed.
        """
        former = self._known
        try:
            incomplete = self._read()
        except FileNotFoundError as error:
            self._known = {}
            return self._removed(error)
        except OSError as error:
            self._known = {}
            return Programs(DebugFiles.UNREADABLE, problem=_why(error))
        looked_before, self._looked = self._looked, True
        changed = [known for name, known in self._known.items() if former.get(name) is not known]
        if changed or self._known.keys() != former.keys() or interfaces != self._interfaces or self._told.of_gone:
            self._interfaces = interfaces
            programs = (known.program for known in self._known.values())
            self._told = Programs(
                of={program.key: program for program in programs if program.key.interface in interfaces},
                of_gone=[
                    known.program
                    for known in changed
                    if looked_before and known.program.key.interface not in interfaces
                ],
            )
        return replace(self._told, incomplete=incomplete) if incomplete else self._told

    def _read(self) -> int:
        """Read what changed. How many files could not be understood. Raises OSError."""
        former, self._known, incomplete, now = self._known, {}, 0, time.time()
        for name, key, stamp in self._files(former):
            known = former.get(name)
            if known and known.stamp == stamp and not _is_fresh(stamp, now):
                self._known[name] = known
                continue
            try:
                program = read_debug_file(key, read_bounded(self._directory / name, _LARGEST))
                self._known[name] = _same(known, _Known(stamp, program))
            except DebugFileError:
                incomplete += 1
                if known:
                    self._known[name] = _same(known, _Known(None, known.program))
        return incomplete

    def _files(self, known: Mapping[str, _Known]) -> Iterator[tuple[str, ProgramKey, _Stamp]]:
        """Names of debug files, whose they are, and what tells whether one changed."""
        with _opened(self._directory) as directory, os.scandir(directory) as entries:
            for entry in entries:
                key = known[entry.name].program.key if entry.name in known else program_key(entry.name)
                if key:
                    try:
                        state = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # Felix removed it meanwhile
                    yield entry.name, key, (state.st_ino, state.st_mtime_ns, state.st_size)

    def _removed(self, error: OSError) -> Programs:
        """A directory that is not there: Felix removed it, or nobody let us see Calico's."""
        calico = self._directory.parent.parent
        if error.filename != str(self._directory) or not calico.is_dir():
            problem = f"{calico} is not there: mount the host's"
            return Programs(DebugFiles.UNREADABLE, problem=problem)
        return Programs(DebugFiles.REMOVED)


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    """A descriptor: hundreds of files are looked up from there, not each along the whole path. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _same(former: _Known | None, known: _Known) -> _Known:
    """The former one where it says the same, as after a file was read again for its age."""
    return former if former is not None and former == known else known


def _is_fresh(stamp: _Stamp, now: float) -> bool:
    return abs(now - stamp[1] / 1e9) < _SETTLED


def _why(error: OSError) -> str:
    """What keeps the files from being read, and the remedy."""
    where = f"{error.filename}: {error.strerror}"
    if isinstance(error, PermissionError):
        return f"{where}; add the capability DAC_READ_SEARCH, as the directories let nobody search them"
    return where
