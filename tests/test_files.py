"""Every file that somebody else wrote has a largest size, and one that is larger is refused with words that help."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from pathlib import Path

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.config import ConfigError, load
from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.exports import ExportError, exported_objects
from otel_calico.datastores.file_datastore import FileDatastore
from otel_calico.datastores.kubernetes.kubeconfig import KubeconfigError, access_from_files
from otel_calico.datastores.kubernetes.list_stream import ItemStream
from otel_calico.datastores.kubernetes.watch_stream import complete_lines
from otel_calico.files import LARGEST_CONFIGURATION, LARGEST_DUMP, LARGEST_EXPORT, read_bounded
from otel_calico.sources.ruleset_file import FileSource
from otel_calico.sources.ruleset_source import SourceError
from otel_calico.web.config_file import WebConfigError, read

READERS: dict[str, tuple[int, type[Exception], Callable[[str], object]]] = {
    "saved rules": (LARGEST_DUMP, SourceError, lambda path: FileSource(path).read()),
    "datastore export": (LARGEST_EXPORT, DatastoreError, lambda path: FileDatastore(path, None, "", Lookups()).start()),
    "configuration": (LARGEST_CONFIGURATION, ConfigError, lambda path: load({"NODENAME": "n"}, file=Path(path))),
    "kubeconfig": (LARGEST_CONFIGURATION, KubeconfigError, access_from_files),
    "web configuration": (LARGEST_CONFIGURATION, WebConfigError, lambda path: read(Path(path))),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_too_large_is_refused(name: str, tmp_path: Path) -> None:
    most, error, reader = READERS[name]
    file = tmp_path / "file"
    with file.open("wb") as sparse:
        sparse.truncate(most + 1)
    with pytest.raises(error, match=f"larger than {most >> 20} MiB"):
        reader(str(file))


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1000)
    assert read_bounded(file, 1000) == b"x" * 1000
    with pytest.raises(OSError, match="larger than 0 MiB"):
        read_bounded(file, 999)


def test_a_watch_event_without_end_is_refused() -> None:
    with pytest.raises(DatastoreError, match="more than 16 MiB"):
        list(complete_lines(repeat(bytes(1 << 20)), lambda: False))


@pytest.mark.slow
def test_a_list_without_end_is_refused() -> None:
    with pytest.raises(DatastoreError, match="a list of more than 256 MiB"):
        list(ItemStream(repeat(bytes(100 << 20))))


def test_a_short_export_that_stands_for_billions_is_refused() -> None:
    lines = ["apiVersion: v1", "kind: List", "a0: &a0 [{}, {}, {}, {}, {}, {}, {}, {}]"]
    lines += [f"a{depth}: &a{depth} [{', '.join([f'*a{depth - 1}'] * 9)}]" for depth in range(1, 10)]
    with pytest.raises(ExportError, match="aliases"):
        exported_objects("\n".join([*lines, "items: *a9", ""]))
