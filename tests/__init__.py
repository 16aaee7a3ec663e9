"""Tests of otel-calico; `felix` writes rulesets as Felix does, `node` runs them on real programs."""
