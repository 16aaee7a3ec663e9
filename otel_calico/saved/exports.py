"""Takes an export of the datastore out of the text around it: a quotation, Markdown fences, a terminal."""

from __future__ import annotations

import re

_BEGINS = re.compile(r'^(?:---|(?:- ?)?apiVersion:|kind:|items:|[{\[]\s*(?:$|[{"])|/calico/)', re.MULTILINE)
_FENCED = re.compile(r"^ {0,3}(```+|~~~+)[^\n]*\n(.*?)^ {0,3}\1", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"^(?:>[ \t]?)+", re.MULTILINE)
_TERMINAL = re.compile(
    r"^(?:[\w.-]+@[\w.-]+[: ][^\n#$]*[#$%]|\[[^\]\n]*\][#$%]|[#$%])(?: [^\n]*)?$"  # a prompt, and what was typed
    r"|^(?:sudo )?(?:kubectl|calicoctl|etcdctl|oc) [^\n]*$",
    re.MULTILINE,
)


def export_in(text: str) -> str:
    """The export, with the end of a YAML document for what a terminal shows; the text itself if none is seen in it."""
    if fenced := [found[2] for found in _FENCED.finditer(text) if _BEGINS.search(found[2])]:
        text = "---\n".join(fenced)
    lines = [line for line in text.split("\n") if line.strip()]
    if lines and all(line.startswith(">") for line in lines):
        text = _QUOTED.sub("", text)
    begins = _BEGINS.search(text)
    if begins is None:
        return text
    between = "" if begins[0].startswith(("/calico/", "{", "[")) else "---"
    return _TERMINAL.sub(between, text[begins.start() :])
