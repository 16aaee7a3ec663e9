"""The container of a rendered pod on a node: the real image, run by a real OCI runtime as kubelet would have it run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.chart.release import Manifest, only
from tests.image.build import Image
from tests.image.seccomp import seccomp
from tests.image.volumes import Contents, Volumes
from tests.node.namespace import Namespace
from tests.node.service import Service

_NAME = "otel-calico"
_MEBIBYTE = 1 << 20
_RUN = """
image=$1; directory=$2; shift 2
mkdir "$directory/layers" "$directory/root"
mount -t tmpfs tmpfs "$directory/layers"
mkdir "$directory/layers/upper" "$directory/layers/work"
layers=lowerdir=$image,upperdir=$directory/layers/upper,workdir=$directory/layers/work
mount -t overlay -o "$layers" overlay "$directory/root"
exec "$@"
"""
"""A layer of its own over the files of the image, where the runtime makes the points to mount volumes at."""


class Container(Service):
    """The one container of the DaemonSet. Secrets and ConfigMaps are those that the release does not hold itself."""

    def __init__(
        self,
        release: Sequence[Manifest],
        image: Image,
        node: Namespace,
        node_name: str,
        *,
        secrets: Contents | None = None,
        config_maps: Contents | None = None,
    ) -> None:
        self._pod = only("DaemonSet", list(release))["spec"]["template"]["spec"]
        (self.spec,) = self._pod["containers"]
        (port,) = self.spec["ports"]
        super().__init__({"METRICS_SERVER_PORT": str(port["containerPort"])}, namespace=node)
        own = {one["metadata"]["name"]: one["data"] for one in release if one["kind"] == "ConfigMap"}
        self._config_maps = {**own, **(config_maps or {})}
        self._secrets = secrets or {}
        self._image = image
        self._node = node
        self._node_name = node_name
        self.volumes = Volumes(self.directory, self._secrets, self._config_maps, node)
        self._runc = ["runc", "--root", str(self.directory / "state")]

    @property
    def capabilities(self) -> set[str]:
        """Those it has; the runtime's own are dropped first."""
        context = self.spec["securityContext"]["capabilities"]
        assert context["drop"] == ["ALL"]
        return set(context["add"])

    def start(self, wait_for: str = "/readyz") -> Self:
        """Run the image's command, and wait until a path answers 200."""
        self._node.run(*self._runc, "spec", "--bundle", str(self.directory))
        configuration = self.directory / "config.json"
        configuration.write_text(json.dumps(self._bundle(json.loads(configuration.read_text()))))
        layered = ["unshare", "--mount", "sh", "-euc", _RUN, "sh", str(self._image.root), str(self.directory)]
        self.launch(self._node.command(*layered, *self._runc, "run", "--bundle", str(self.directory), _NAME))
        if wait_for:
            self.await_path(wait_for)
        return self

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the running container, as `kubectl exec` and the health check do."""
        whole = self._node.command(*self._runc, "exec", _NAME, *command)
        return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=60)

    @property
    def rights(self) -> dict[str, str]:
        """What the kernel says of its first process."""
        pid = json.loads(self._node.run(*self._runc, "state", _NAME))["pid"]
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines)

    def url(self, probe: str) -> str:
        """What a probe asks, on this node."""
        get = self.spec[probe]["httpGet"]
        (port,) = (one["containerPort"] for one in self.spec["ports"] if one["name"] == get["port"])
        return f"{get.get('scheme', 'HTTP').lower()}://127.0.0.1:{port}{get['path']}"

    def close(self) -> None:
        """End it, also where its starter was killed."""
        self._node.run(*self._runc, "delete", "--force", _NAME)
        super().close()

    def _bundle(self, usual: dict[str, Any]) -> dict[str, Any]:
        """`config.json`, made of what the runtime itself calls usual."""
        context = self.spec["securityContext"]
        capabilities = sorted(f"CAP_{name}" for name in self.capabilities)
        command = self._image.configuration
        usual["root"] = {"path": str(self.directory / "root"), "readonly": context["readOnlyRootFilesystem"]}
        usual["process"] |= {
            "terminal": False,
            "args": [*command["Entrypoint"], *command["Cmd"]],
            "env": [*command["Env"], *(f"{name}={value}" for name, value in self._environment().items())],
            "user": {"uid": context["runAsUser"], "gid": context["runAsGroup"]},
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
            "noNewPrivileges": not context["allowPrivilegeEscalation"],
        }
        usual["mounts"] += [self._mounted(mount) for mount in self.spec["volumeMounts"]]
        linux = usual["linux"]
        assert self._pod["hostNetwork"]
        linux["namespaces"] = [one for one in linux["namespaces"] if one["type"] != "network"]
        assert self._pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        linux["seccomp"] = seccomp(set(capabilities))
        memory = self.spec["resources"]["limits"]["memory"]
        linux["resources"]["memory"] = {"limit": int(memory.removesuffix("Mi")) * _MEBIBYTE}
        return usual

    def _mounted(self, mount: Mapping[str, Any]) -> dict[str, Any]:
        (volume,) = (one for one in self._pod["volumes"] if one["name"] == mount["name"])
        propagation = "rslave" if mount.get("mountPropagation") == "HostToContainer" else "rprivate"
        options = ["rbind", propagation, "ro" if mount.get("readOnly") else "rw"]
        source = self.volumes.source(volume)
        return {"destination": mount["mountPath"], "type": "bind", "source": source, "options": options}

    def _environment(self) -> dict[str, str]:
        found = {one["name"]: self._value(one) for one in self.spec.get("env", ())}
        return {name: value for name, value in found.items() if value is not None}

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
