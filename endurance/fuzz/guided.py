"""`python -m endurance.fuzz.guided TARGET [libFuzzer's arguments]`: fuzz one target, guided by coverage."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["otel_calico"]):
    from endurance.fuzz.targets import TARGETS

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
