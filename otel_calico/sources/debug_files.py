"""Reads the debug files of the eBPF dataplane: a directory of small files, of which only what changed is read again."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
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


class DebugFileReader:
    """One directory, look after look. Not for several threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[str, tuple[_Stamp, Program]] = {}
        self._looked = False

    def look(self, interfaces: Collection[str]) -> Programs:
        """What the files tell now, of these interfaces and of others. Never raises."""
        former, incomplete = self._read, 0
        self._read = {}
        try:
            for name, key, stamp in self._files():
                known = former.get(name)
                if known and known[0] == stamp and not _is_fresh(stamp):
                    self._read[name] = known
                    continue
                try:
                    program = read_debug_file(key, read_bounded(self._directory / name, _LARGEST))
                    self._read[name] = stamp, program
                except DebugFileError:
                    incomplete += 1
                    if known:
                        self._read[name] = (0, 0, 0), known[1]
        except FileNotFoundError as error:
            self._read = {}
            return self._removed(error)
        except OSError as error:
            self._read = {}
            return Programs(DebugFiles.UNREADABLE, problem=_why(error))
        looked_before, self._looked = self._looked, True
        of_gone = [
            program
            for name, (stamp, program) in self._read.items()
            if program.key.interface not in interfaces and looked_before and former.get(name, (None,))[0] != stamp
        ]
        programs = (program for _, program in self._read.values())
        of = {program.key: program for program in programs if program.key.interface in interfaces}
        return Programs(DebugFiles.READ, of, of_gone, incomplete)

    def _files(self) -> Iterator[tuple[str, ProgramKey, _Stamp]]:
        """Names of debug files, whose they are, and what tells whether one changed."""
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if key := program_key(entry.name):
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


def _is_fresh(stamp: _Stamp) -> bool:
    return abs(time.time() - stamp[1] / 1e9) < _SETTLED


def _why(error: OSError) -> str:
    """What keeps the files from being read, and the remedy."""
    where = f"{error.filename}: {error.strerror}"
    if isinstance(error, PermissionError):
        return f"{where}; add the capability DAC_READ_SEARCH, as the directories let nobody search them"
    return where
