"""A container as kubelet and runtime would make it from a rendered pod: its files, its environment, its rights.

The image is this machine's root, under a layer of its own; volumes are mounted where the pod says. Of the host's paths
/run and /sys are the node's, all others are below `Container.host`. What cannot be had without a runtime: the seccomp
profile, and a /proc with parts masked.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.chart.release import Manifest, only

Contents = Mapping[str, Mapping[str, str]]
"""Data of ConfigMaps or Secrets by their names."""


class Container:
    """The one container of the DaemonSet on a node.

    `secrets` are those that the pod refers to; ConfigMaps of the release itself need not be given. `directory` is for
    the volumes' files.
    """

    def __init__(
        self,
        release: Sequence[Manifest],
        directory: Path,
        node_name: str,
        secrets: Contents | None = None,
        config_maps: Contents | None = None,
    ) -> None:
        self.host = directory / "host"
        self._directory = directory
        self._node_name = node_name
        self._secrets = secrets or {}
        own = {one["metadata"]["name"]: one["data"] for one in release if one["kind"] == "ConfigMap"}
        self._config_maps = {**own, **(config_maps or {})}
        self._pod = only("DaemonSet", list(release))["spec"]["template"]["spec"]
        (self.spec,) = self._pod["containers"]

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the container."""
        found = {one["name"]: self._value(one) for one in self.spec.get("env", ())}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def capabilities(self) -> set[str]:
        """Those it has; the runtime's own are dropped first."""
        context = self.spec["securityContext"]["capabilities"]
        assert context["drop"] == ["ALL"]
        return set(context["add"])

    def through(self) -> tuple[str, ...]:
        """The command that runs another inside the container."""
        return ("unshare", "--mount", "sh", "-euc", self._script(), "sh")

    def command(self, *arguments: str) -> list[str]:
        """A command line of otel-calico inside the container."""
        return [*self.through(), sys.executable, "-m", "otel_calico", *arguments]

    def url(self, probe: str) -> str:
        """What a probe asks, on this node."""
        get = self.spec[probe]["httpGet"]
        (port,) = (one["containerPort"] for one in self.spec["ports"] if one["name"] == get["port"])
        return f"{get.get('scheme', 'HTTP').lower()}://127.0.0.1:{port}{get['path']}"

    def _value(self, variable: Mapping[str, Any]) -> str | None:
        if "value" in variable:
            return str(variable["value"])
        ((kind, reference),) = variable["valueFrom"].items()
        if kind == "fieldRef":
            assert reference["fieldPath"] == "spec.nodeName"
            return self._node_name
        source = {"configMapKeyRef": self._config_maps, "secretKeyRef": self._secrets}[kind]
        value: str | None = source[reference["name"]].get(reference["key"])
        assert value is not None or reference.get("optional"), f"no key {reference['key']} in {reference['name']}"
        return value

    def _script(self) -> str:
        context = self.spec["securityContext"]
        root = self._directory / "root"
        lines = [
            f"mkdir -p {root}",
            f"mount -t tmpfs tmpfs {root}",
            f"cd {root}; mkdir upper work container",
            "mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work container",
            *(f"mount --rbind /{name} container/{name}" for name in ("proc", "dev", "sys")),
            *(line for mount in self.spec["volumeMounts"] for line in self._mounted(mount)),
        ]
        if context["readOnlyRootFilesystem"]:
            lines.append("mount -o remount,ro container; if touch container/tmp/file 2>/dev/null; then exit 1; fi")
        added = "".join(f",+{name.lower()}" for name in sorted(self.capabilities))
        escalation = [] if context["allowPrivilegeEscalation"] else ["--no-new-privs"]
        user = [f"--reuid={context['runAsUser']}", f"--regid={context['runAsGroup']}", "--clear-groups"]
        rights = [f"--bounding-set=-all{added}", "--inh-caps=-all", *escalation, *user]
        return "\n".join([*lines, f'exec chroot container setpriv {shlex.join(rights)} "$@"'])

    def _mounted(self, mount: Mapping[str, Any]) -> list[str]:
        (volume,) = (one for one in self._pod["volumes"] if one["name"] == mount["name"])
        inside = f"container{mount['mountPath']}".replace("/var/run/", "/run/")  # a link, which would lead out of it
        source = self._source(volume)
        make = f"mkdir -p $(dirname {inside}); touch {inside}" if _is_file(volume) else f"mkdir -p {inside}"
        read_only = [f"mount -o remount,bind,ro {inside}"] if mount.get("readOnly") else []
        return [*self._made_on_host(volume), make, f"mount --bind {source} {inside}", *read_only]

    def _source(self, volume: Mapping[str, Any]) -> str:
        if "hostPath" in volume:
            return self._on_host(volume)
        folder = self._directory / volume["name"]
        folder.mkdir(exist_ok=True)
        mode = volume.get("secret", volume.get("projected", {})).get("defaultMode", 0o644)
        for data in self._data(volume):
            for name, content in data.items():
                (folder / name).write_text(content)
                (folder / name).chmod(mode)
        return str(folder)

    def _data(self, volume: Mapping[str, Any]) -> list[Mapping[str, str]]:
        if "configMap" in volume:
            return [self._config_maps[volume["configMap"]["name"]]]
        if "secret" in volume:
            name = volume["secret"]["secretName"]
            return [self._secrets.get(name, {}) if volume["secret"].get("optional") else self._secrets[name]]
        return [self._secrets[source["secret"]["name"]] for source in volume["projected"]["sources"]]

    def _on_host(self, volume: Mapping[str, Any]) -> str:
        path = str(volume["hostPath"]["path"]).replace("/var/run/", "/run/")
        return path if path.startswith(("/run/", "/sys/")) else f"{self.host}{path}"

    def _made_on_host(self, volume: Mapping[str, Any]) -> list[str]:
        made = {"FileOrCreate": "touch", "DirectoryOrCreate": "mkdir -p"}.get(
            volume.get("hostPath", {}).get("type", "")
        )
        return [f"{made} {self._on_host(volume)}"] if made else []


def _is_file(volume: Mapping[str, Any]) -> bool:
    return str(volume.get("hostPath", {}).get("type", "")).startswith("File")
