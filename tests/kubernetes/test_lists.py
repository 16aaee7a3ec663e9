"""Items of a list read while its bytes arrive: the same as those of the whole, whatever the layout and the pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.kubernetes.list_stream import MIN_CUT, ItemStream
from tests.kubernetes.objects import calico, pod

texts = st.text(max_size=8) | st.sampled_from(['},{"metadata":{', '"items":[', "\\", '"', "}]", "é", "\u2028"])
values = st.recursive(
    texts | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
items = st.lists(
    st.fixed_dictionaries(
        {"metadata": st.fixed_dictionaries({"name": texts})}, optional={"spec": values, "items": values}
    ),
    max_size=12,
)
layouts = st.sampled_from(
    [{"separators": (",", ":")}, {}, {"indent": 2}, {"separators": (",", ":"), "ensure_ascii": False}]
)


@pytest.mark.slow
@given(items=items, layout=layouts, metadata_first=st.booleans(), size=st.integers(1, 400), repeat=st.integers(1, 60))
@settings(deadline=None, max_examples=150)
def test_items_do_not_depend_on_the_layout_or_the_pieces(
    *, items: list[Any], layout: dict[str, Any], metadata_first: bool, size: int, repeat: int
) -> None:
    whole = items * repeat
    metadata = {"metadata": {"resourceVersion": "7", "continue": "next"}}
    body = {**metadata, "items": whole} if metadata_first else {"apiVersion": "v1", "items": whole, **metadata}
    text = json.dumps(body, **layout).encode()
    stream = ItemStream(text[start : start + size * 200] for start in range(0, len(text), size * 200))
    assert [json.loads(raw) for raw in stream] == whole
    assert (stream.metadata.resource_version, stream.metadata.more) == ("7", "next")


@pytest.mark.parametrize("items", ["null", "[]", "[ ]"])
def test_an_empty_list(items: str) -> None:
    stream = ItemStream([f'{{"kind":"PodList","metadata":{{"resourceVersion":"7"}},"items":{items}}}'.encode()])
    assert list(stream) == []
    assert stream.metadata.resource_version == "7"


def test_a_list_that_ends_early_is_an_error() -> None:
    text = json.dumps({"items": [pod(f"p{n}") for n in range(500)]}, separators=(",", ":")).encode()
    for end in (10, 1000, len(text) // 2, len(text) - 2):
        with pytest.raises(DatastoreError, match="the API server's list cannot be read"):
            list(ItemStream([text[:end]]))


@pytest.mark.parametrize("alphabetical", [True, False])
def test_a_long_list_is_never_in_memory_as_a_whole(*, alphabetical: bool) -> None:
    made = pod if not alphabetical else lambda name: calico("NetworkPolicy", name, "shop", order=1)
    listed = [json.dumps(made(f"p{n}"), separators=(",", ":")).encode() for n in range(4000)]
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        yield b'{"kind":"AnyList","items":['
        for number, item in enumerate(listed):
            sent += 1
            yield item + (b"," if number < len(listed) - 1 else b"")
        yield b'],"metadata":{}}'

    behind = [sent - taken for taken, _ in enumerate(ItemStream(pieces()))]
    assert max(behind) * min(map(len, listed)) < 3 * MIN_CUT
