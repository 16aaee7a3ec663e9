"""What is generated around the chart: the schema of its value `config`, and the plain manifest.

`python -m scripts.chart` (`make chart`) writes both anew. The schema comes from the table of settings, so that Helm
refuses what otel-calico would refuse at its start. The manifest is the chart with default values, for those without
Helm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from helm_python import Chart

from otel_calico.config import OPTIONS, Settings
from otel_calico.config.option import Option
from otel_calico.metrics import FAMILIES

ROOT = Path(__file__).parent.parent
CHART = ROOT / "charts" / "otel-calico"
SCHEMA = CHART / "values.schema.json"
MANIFEST = ROOT / "config" / "kubernetes.yaml"
NAME = "otel-calico"
"""Release and namespace of the plain manifest."""

_SET_BY_CHART = {"node.name", "node.name_file", "web.config_file"}
_NOT_FOR_A_DAEMON = {"datastore.file", "ebpf.state_directory", "iptables.ruleset_file"}
_DURATION = {"pattern": r"^[0-9]+(\.[0-9]+)? *(ms|s|m|h)?$"}
_HELM_LABELS = ("app.kubernetes.io/managed-by:", "helm.sh/chart:")

_HEAD = """\
# otel-calico on every node, with the Kubernetes datastore: kubectl apply -f config/kubernetes.yaml
# Generated from the chart: make chart. Set `image:` to where your cluster finds it.
apiVersion: v1
kind: Namespace
metadata:
  name: otel-calico
  labels:
    # The pods share the host's network, and need NET_ADMIN.
    pod-security.kubernetes.io/enforce: privileged
"""


def config_schema(options: Iterable[Option] = OPTIONS) -> dict[str, Any]:
    """The JSON schema of the settings file as a chart value: without secrets and what the chart sets itself."""
    offered = [one for one in options if not one.secret and one.key not in _SET_BY_CHART | _NOT_FOR_A_DAEMON]
    sections = {
        section: _object({one.key.partition(".")[2]: _property(one) for one in rows})
        for section, rows in groupby(offered, lambda one: one.key.partition(".")[0])
    }
    sections["datastore"]["required"] = ["type"]
    sections["prometheus"]["required"] = ["port"]
    # Port 0 takes a free one, which neither probes nor Prometheus could find.
    sections["prometheus"]["properties"]["port"] |= {"minimum": 1, "maximum": 65535}
    return {
        "description": "The settings file: docs/configuration.md",
        **_object(sections),
        "required": ["datastore", "prometheus"],
    }


def schema() -> str:
    """values.schema.json with the part about `config` as the settings are now, and all else as it stands there."""
    whole = json.loads(SCHEMA.read_text(encoding="utf-8"))
    whole["properties"]["config"] = config_schema()
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def manifest() -> str:
    """config/kubernetes.yaml: what the chart renders by default, without its test pod."""
    with Chart.load(CHART) as chart:
        rendered = chart.render(name=NAME, namespace=NAME)
    ours = (line for line in _documents(rendered).splitlines() if not line.strip().startswith(_HELM_LABELS))
    return _HEAD + "\n".join(ours) + "\n"


def _documents(rendered: dict[str, str]) -> str:
    """All manifests in the order in which they can be applied: the DaemonSet needs the others."""
    ours = [text for path, text in sorted(rendered.items()) if path.endswith(".yaml") and "/tests/" not in path]
    texts = sorted((text.strip() for text in ours), key=lambda text: "kind: DaemonSet" in text)
    return "\n".join(f"---\n{text}" for text in texts if text)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _property(option: Option) -> dict[str, Any]:
    section, _, name = option.key.partition(".")
    declared = get_type_hints(get_type_hints(Settings)[section])[name]
    shape = _list(Literal[FAMILIES]) if option.key == "metrics.families" else _shape(declared, option)
    return {"description": option.meaning, **shape}


def _shape(declared: Any, option: Option) -> dict[str, Any]:
    """The JSON shapes in which YAML may give a value of a declared type."""
    if get_origin(declared) is tuple:
        return _list(get_args(declared)[0])
    if get_origin(declared) is Literal:
        return {"enum": [word for word in get_args(declared) if word not in {"", "file"}]}
    if declared is bool:
        return {"type": "boolean"}
    if declared is int:
        return {"type": "integer", "minimum": 0}
    if declared is float:
        timed = "duration" in option.kind.allowed
        return {"type": ["string", "number"], **_DURATION} if timed else {"type": "number", "minimum": 0}
    return {"type": "string"}


def _list(item: Any) -> dict[str, Any]:
    if get_origin(item) is tuple:  # pairs
        return {"type": ["object", "string"], "additionalProperties": {"type": "string"}}
    if get_origin(item) is Literal:
        return {"type": "array", "items": {"enum": list(get_args(item))}}
    return {"type": ["array", "string"], "items": {"type": "string"}}


if __name__ == "__main__":
    SCHEMA.write_text(schema(), encoding="utf-8")
    MANIFEST.write_text(manifest(), encoding="utf-8")
