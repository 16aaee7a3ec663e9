"""A pod's volumes as kubelet makes them: ConfigMaps and Secrets as files, paths of the host as they are.

Of the host's paths /run and /sys are the node's, all others are below `host`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.node.namespace import Namespace

Contents = Mapping[str, Mapping[str, str]]
"""Data of ConfigMaps or Secrets by their names."""


class Volumes:
    """Makes them in a directory, and for host paths in the node's /run."""

    def __init__(self, directory: Path, secrets: Contents, config_maps: Contents, node: Namespace) -> None:
        self.host = directory / "host"
        self._directory = directory
        self._secrets = secrets
        self._config_maps = config_maps
        self._node = node

    def source(self, volume: Mapping[str, Any]) -> str:
        """Where the content of a volume is, made now."""
        if "hostPath" in volume:
            return self._of_host(volume["hostPath"])
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

    def _of_host(self, host_path: Mapping[str, str]) -> str:
        """The path as the node sees it. What the type says is made if it is missing."""
        path, kind = host_path["path"].replace("/var/run/", "/run/"), host_path.get("type", "")
        of_node = path.startswith(("/run/", "/sys/"))
        seen_here = self._node.path(path) if of_node else Path(f"{self.host}{path}")
        if kind == "FileOrCreate":
            seen_here.touch()
        elif kind == "DirectoryOrCreate":
            seen_here.mkdir(parents=True, exist_ok=True)
        return path if of_node else str(seen_here)
