"""SIGTERM and SIGKILL at random moments of its life: no child is left, the xtables lock is free."""

from __future__ import annotations

import fcntl
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from endurance.faults.fault import Fault, Witness
from endurance.faults.stage import ERA, Stage
from tests.end_to_end.live_node import LiveNode
from tests.node.namespace import Namespace
from tests.node.programs import wait_until
from tests.node.service import Service

_LONGEST = 4.0  # seconds for a stop; Kubernetes gives 30
_SOONEST, _LATEST = 0.3, 2.5  # seconds of life: from before the settings are read until after many scans
_SEED = 7


def at_random(sent: signal.Signals, times: int) -> Callable[[Stage, Witness], None]:
    """Send a signal so many times to a new service each, while others scrape it."""

    def run(_: Stage, witness: Witness) -> None:
        moments = random.Random(_SEED)  # noqa: S311 - the same moments in every run
        codes: dict[int, int] = {}
        longest, left, locked = 0.0, 0, 0
        with LiveNode.of_era(ERA, "legacy") as node:
            for _round in range(times):
                with node.service({"FELIX_IPTABLESBACKEND": "legacy"}) as service:
                    service.start(wait_for="")
                    _live(service, moments.uniform(_SOONEST, _LATEST))
                    began = time.monotonic()
                    service.process.send_signal(sent)
                    code = service.end(_LONGEST)
                    longest = max(longest, time.monotonic() - began)
                    codes[code] = codes.get(code, 0) + 1
                left += not _programs_end(node.namespace)
                locked += not _lock_is_free(node.namespace)
        allowed = {0, -signal.SIGTERM} if sent is signal.SIGTERM else {-signal.SIGKILL}
        witness.see("exit codes " + ", ".join(f"{code}: {n} times" for code, n in codes.items()), set(codes) <= allowed)
        witness.see(f"ended within {longest:.1f} s", longest <= _LONGEST)
        witness.see(f"children left {left} times", not left)
        witness.see(f"lock held {locked} times", not locked)

    return run


def _live(service: Service, seconds: float) -> None:
    """Scrape all the time: each scan runs `iptables-save` under the lock."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            service.get("/metrics")
        except OSError:
            time.sleep(0.01)


def _programs_end(namespace: Namespace) -> bool:
    """A save that runs when its parent is killed ends by itself within the second."""
    try:
        wait_until(lambda: not _programs(namespace), "programs ended", 2)
    except TimeoutError:
        return False
    return True


def _programs(namespace: Namespace) -> list[str]:
    network = Path(f"/proc/{namespace.pid}/ns/net").readlink()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name = (process / "comm").read_text().strip()
            if "tables" in name and (process / "ns/net").readlink() == network:
                found.append(name)
        except OSError:
            continue
    return found


def _lock_is_free(namespace: Namespace) -> bool:
    with namespace.path("/run/xtables.lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


FAULTS = (
    Fault("SIGTERM at random moments", f"exit 0 within {_LONGEST:.0f} s, no child left, lock free",
          at_random(signal.SIGTERM, 40)),
    Fault("SIGKILL at random moments", "no child left, lock free", at_random(signal.SIGKILL, 20)),
    Fault("SIGTERM at three moments", f"exit 0 within {_LONGEST:.0f} s, no child left, lock free",
          at_random(signal.SIGTERM, 3), quick=True),
)  # fmt: skip
