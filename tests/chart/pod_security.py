"""What a pod may do, against the level "restricted" of Kubernetes' Pod Security Standards.

Stricter than the standard where we can be: also a read-only root and bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_VOLUMES = {"configMap", "downwardAPI", "emptyDir", "projected", "secret"}
_SHARED = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")


def rights(pod: dict[str, Any]) -> set[str]:
    """All that the pod has or may do beyond what is restricted, in words."""
    found = {shared for shared in _SHARED if pod.get(shared)}
    found |= set(_volumes(pod))
    containers = [*pod["containers"], *pod.get("initContainers", ()), *pod.get("ephemeralContainers", ())]
    for container in containers:
        found |= set(_container(container, pod.get("securityContext", {})))
    return found


def _volumes(pod: dict[str, Any]) -> Iterator[str]:
    mounts = [mount for container in pod["containers"] for mount in container.get("volumeMounts", ())]
    for volume in pod.get("volumes", ()):
        kinds = set(volume) - {"name"}
        if "hostPath" in kinds:
            written = not all(mount.get("readOnly") for mount in mounts if mount["name"] == volume["name"])
            yield f"{'writes' if written else 'reads'} {volume['hostPath']['path']} of the host"
        elif kinds - _VOLUMES:
            yield f"volume of the kind {kinds}"


def _container(container: dict[str, Any], of_pod: dict[str, Any]) -> Iterator[str]:
    own = container.get("securityContext", {})
    both = {**of_pod, **own}
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "writes its root"
    if both.get("runAsUser") == 0 or not (both.get("runAsNonRoot") or both.get("runAsUser")):
        yield "root"
    if both.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "all system calls"
    if own.get("procMount", "Default") != "Default":
        yield "unmasked /proc"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", ()):
        yield "the runtime's capabilities"
    yield from (f"capability {name}" for name in capabilities.get("add", ()))
    yield from (f"port {port['hostPort']} of the host" for port in container.get("ports", ()) if "hostPort" in port)
    if "memory" not in container.get("resources", {}).get("limits", {}):
        yield "unbounded memory"
