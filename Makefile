# Everything a newcomer needs: `make demo` to look, `make test` to check. Set-up is done on the way, once per change
# of pyproject.toml, on any Debian or Ubuntu with Python 3.11 or later; as root, missing system packages are installed.

PYTHON ?= python3
PORT ?= 9009
WORKERS ?= 2
IMAGE ?= otel-calico:latest
CONTAINER ?= docker

VENV := .venv
BIN := $(VENV)/bin
IN_PARALLEL = --numprocesses $(WORKERS) --dist loadfile
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# What the tests start for real: iptables in network namespaces, etcd, Prometheus.
SYSTEM_PACKAGES := iptables nftables ipset iproute2 util-linux libcap2-bin procps etcd-server prometheus prometheus-alertmanager libfaketime systemd buildah netavark netbase debootstrap chromium fonts-dejavu-core

.DEFAULT_GOAL := help
.PHONY: help demo test quick lint bench soak faults fuzz audit chart monitoring image setup system clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r target words; do \
		printf '  make %-10s %s\n' "$$target" "$$words"; done

demo: $(VENV)/.installed ## serve a recorded node with moving counters (PORT=9009); needs no root and no cluster
	@$(BIN)/otel-calico demo --port $(PORT)

test: setup ## run all checks and all tests on the real programs (WORKERS=2); needs root
	@checks=0; $(MAKE) --no-print-directory lint || checks=$$?; \
	tests=0; $(BIN)/python -m pytest $(IN_PARALLEL) || tests=$$?; \
	[ $$checks = 0 ] || echo 'make test: lint, types or imports failed: see above' >&2; \
	[ $$checks = 0 ] && [ $$tests = 0 ]

quick: $(VENV)/.developed ## run what takes half a minute: style, imports, and the tests that are not marked node or slow
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@said=$$($(BIN)/lint-imports) || { echo "$$said"; exit 1; }
	@$(BIN)/python -m pytest -q $(IN_PARALLEL) -m 'not node and not slow'

lint: $(VENV)/.developed ## check style, types and the direction of imports
	@failed=0; \
	$(BIN)/ruff check || failed=1; \
	$(BIN)/ruff format --check || failed=1; \
	$(BIN)/mypy || failed=1; \
	$(BIN)/lint-imports || failed=1; \
	exit $$failed

bench: setup ## measure a scan, a scrape and memory; needs root
	@$(BIN)/python -m benchmarks

soak: setup ## let thousands of pods come and go and see that all stays flat; needs root, five minutes
	@$(BIN)/python -m endurance.soak

faults: setup ## do every fault to the running service and see what it promises; needs root
	@$(BIN)/python -m endurance.faults

fuzz: $(VENV)/.developed ## feed what reads others' texts with what nobody would write, guided by coverage
	@$(PIP) install --group fuzz
	@$(BIN)/python -m endurance.fuzz

audit: $(VENV)/.developed ## ask PyPI for known vulnerabilities of what is installed
	@$(PIP) install --group audit
	@$(BIN)/python -m endurance.audit

chart: $(VENV)/.developed ## write what is generated around the Helm chart: its schema, the plain manifest
	@$(BIN)/python -m scripts.chart

monitoring: $(VENV)/.developed ## write the dashboards, and the rule file that the chart's alerts make
	@$(BIN)/python -m monitoring

image: ## build the container image (IMAGE=otel-calico:latest, CONTAINER=docker)
	$(CONTAINER) build --tag $(IMAGE) .

setup: system $(VENV)/.developed ## install what development and tests need

# The OTLP collector's wheel is linked against the library of the Python it is made for. runc may be there with Docker.
system: $(BIN)/python
	@version=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	/sbin/ldconfig -p | grep -q "libpython$$version.so.1.0" || libpython=libpython$$version; \
	command -v runc >/dev/null || runc=runc; \
	scripts/install_system_packages.sh $(SYSTEM_PACKAGES) $$libpython $$runc

clean: ## remove everything that was made here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .fuzz .image
	find . -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@PYTHON='$(PYTHON)' scripts/make_venv.sh $(VENV)

$(VENV)/.installed: pyproject.toml $(BIN)/python
	@echo 'Installing otel-calico into $(VENV) …'
	@$(PIP) install 'pip>=25.1' # the first with dependency groups; no Debian release has it yet
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.developed: $(VENV)/.installed
	@echo 'Installing what development needs into $(VENV) …'
	@$(PIP) install --group dev
	@touch $@
