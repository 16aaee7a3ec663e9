"""Generates the reference page of commands and flags.

`python -m otel_calico.cli.reference docs/cli.md` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from otel_calico.cli import main

_INTRODUCTION = """\
<!-- Generated from otel_calico/cli: .venv/bin/python -m otel_calico.cli.reference docs/cli.md -->

# Commands

Every flag that names an environment variable is a setting: [configuration.md](configuration.md) has them all, and the
order in which flags, environment and file count. A wrong argument, a setting or a file that cannot be used, or a node
without Calico's rules ends a command with the reason and exit code 2, a port that is in use with 1;
`check` ends with 1 if something fails.

What `report` and `explain` print is what the rules counted since Felix wrote them. Beside a number:

| Mark | Meaning |
|---|---|
| none | exact: one rule counts just this |
| `~` | worked out from several rules; true unless Felix rewrote only some of them |
| `*` | all endpoints of the node together: only that is counted |
| `?` | not reliable: such a rewrite shows; with `--interval` only what moves from now on is counted |

In JSON the same is `trust`: `exact`, `computed`, `shared`, `unreliable`. `moved` is what was counted during
`--interval`, null where it is not known.

## A node with the eBPF dataplane

There rules count for the whole node (`*`), and each interface what policies and profiles together accepted and
dropped: in `report` these are the rows `(all of policy)`. A number with `~` is one that
[is proven](metrics.md#ebpf-dataplane) by one of both; it is true if the policies of the workload were the same since
Felix started. Nothing counts bytes.

A saved state of such a node is a directory, for `--ebpf-state`. To make one, as root on the node, with `bpftool`:

```sh
mkdir state
for map in $(ls /sys/fs/bpf/tc/globals | grep -E '^cali_(rule_ctrs|counters|iface)[0-9]+$'); do
  bpftool -j map dump pinned /sys/fs/bpf/tc/globals/$map > state/$map.json
  bpftool -j map show pinned /sys/fs/bpf/tc/globals/$map > state/$map.info.json
done
ip -o link > state/ip-link.txt
cp -r /var/run/calico/bpf/policy state/policy
```

Without `policy` only what interfaces counted is known, and without `ip-link.txt` only the interfaces that Felix knows.
"""


def page() -> str:
    """The page as Markdown."""
    names = sorted(main.commands)
    sections = [_INTRODUCTION, _section(main, "otel-calico")]
    return "\n".join([*sections, *(_section(main.commands[name], f"otel-calico {name}") for name in names)])


def _section(command: click.Command, path: str) -> str:
    with click.Context(command, info_name=path, help_option_names=["-h", "--help"], terminal_width=110) as context:
        return f"## `{path}`\n\n```text\n" + "\n".join(_lines(command.get_help(context))) + "\n```\n"


def _lines(text: str) -> Iterator[str]:
    return (line.rstrip() for line in text.splitlines())


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
