"""A systemd of its own as process 1 inside a node, with one service: its unit is kept to as on a real host.

Its root is this machine's under a layer of its own, without this machine's units; /run is the node's.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Self

import psutil

from tests.node.namespace import Namespace, command_in
from tests.node.programs import Program

PROJECT = Path(__file__).parents[2]
LOG = "/run/service.log"
_PYTHON = f"/opt/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"

_COMMAND = f"""\
#!/bin/sh
export LD_LIBRARY_PATH=/opt/python/lib PYTHONPATH=/opt/project:/opt/packages
exec {_PYTHON} -m otel_calico "$@"
"""
"""Stands for what `pip install` leaves in /opt/otel-calico/bin: a checkout may be in a home directory, which the unit
hides."""

_BOOT = r"""
directory=$1; unit=$2; python=$3; packages=$4; project=$5
cd "$directory"; mkdir layers groups
mount -t tmpfs tmpfs layers; mkdir layers/upper layers/work machine
mount -t overlay overlay -o lowerdir=/,upperdir=layers/upper,workdir=layers/work machine
for name in dev run; do mount --rbind /$name machine/$name; done
mount -t sysfs sysfs machine/sys
mount -t tmpfs tmpfs machine/tmp
find -L machine/etc/systemd machine/usr/lib/systemd -name '*.wants' -prune -exec rm -rf {} +
rm -rf machine/usr/lib/systemd/system-generators
mkdir -p machine/opt/otel-calico/bin machine/opt/python machine/opt/packages machine/opt/project
mount --bind "$python" machine/opt/python
mount --bind "$packages" machine/opt/packages
mount --bind "$project" machine/opt/project
install --mode 755 command machine/opt/otel-calico/bin/otel-calico
install --mode 600 settings machine/etc/otel-calico.yaml
cp -r "$unit" "$(basename "$unit").d" machine/etc/systemd/system

# systemd makes groups of processes, and leaves them behind: they go into one that is removed with it.
mount -t cgroup2 cgroup2 groups
group=groups/$(basename "$directory"); mkdir "$group"
trap 'kill -KILL "$machine"' TERM
(
    echo 0 >"$group/cgroup.procs"
    exec unshare --mount --pid --fork --kill-child --cgroup --ipc --uts chroot machine sh -euc '
        mount -t proc proc /proc
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        exec env --ignore-environment container=test /usr/lib/systemd/systemd --unit="$0" --log-target=console
    ' "$(basename "$unit")"
) &
machine=$!
wait || :
while [ -d "$group" ]; do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.01; done
"""


class Systemd(Program):
    """Boots with a unit of otel-calico and its /etc/otel-calico.yaml; the service's log is `service_log`."""

    def __init__(self, unit: Path, settings: str, namespace: Namespace) -> None:
        super().__init__("systemd")
        self._unit = unit
        self._namespace = namespace
        (self.directory / "command").write_text(_COMMAND)
        (self.directory / "settings").write_text(settings)
        addition = self.directory / f"{unit.name}.d"
        addition.mkdir()
        (addition / "log.conf").write_text(f"[Service]\nStandardOutput=append:{LOG}\nStandardError=append:{LOG}\n")

    def start(self) -> Self:
        """Boot; the unit is started, and with it all that it wants."""
        paths = [str(self.directory), str(self._unit), sys.base_prefix, sysconfig.get_path("purelib"), str(PROJECT)]
        self.launch(command_in(self._namespace, ["unshare", "--mount", "sh", "-euc", _BOOT, "sh", *paths]))
        return self

    @property
    def service_log(self) -> str:
        """What the service said so far, on both of its outputs."""
        path = self._namespace.path(LOG)
        return path.read_text() if path.exists() else ""

    @property
    def main_process(self) -> int:
        """Process ID of the unit's program, as this machine sees it."""
        inside = int(self.ask("show", "--property=MainPID", "--value", self._unit.name))
        (found,) = (one.pid for one in self._processes() if _last_pid(one.pid) == inside)
        return found

    def ask(self, *arguments: str) -> str:
        """What `systemctl` prints. Raises RuntimeError if it fails."""
        (first,) = (one.pid for one in self._processes() if _last_pid(one.pid) == 1)
        enter = ["nsenter", f"--target={first}", "--all", f"--root=/proc/{first}/root", "--wd=/"]
        return self._namespace.run(*enter, "systemctl", *arguments)

    def _processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def _last_pid(pid: int) -> int:
    """A process's ID in the innermost PID namespace that it is in."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("NSpid:"))
    return int(line.split()[-1])
