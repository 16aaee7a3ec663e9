# otel-calico for a node: one Python, one virtual environment, and iptables with both of its backends. For amd64 and arm64.
# Runs as root with NET_ADMIN and NET_RAW (the kernel lets nobody else read rules), on a read-only root file system;
# `demo` and commands on saved files need neither: docker run --user 65534 --cap-drop ALL --read-only IMAGE demo

# The programs have to be as new as Felix's: an older iptables-nft-save may call the rules of a newer one incompatible.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/otel-calico
# Compiled here, since nothing can be written there. Dependencies first: a change of the code installs them no second
# time.
COPY pyproject.toml README.md LICENSE ./
COPY otel_calico/__init__.py ./otel_calico/
RUN /opt/otel-calico/bin/python -m pip install . \
    && /opt/otel-calico/bin/python -m compileall -q /opt/otel-calico/lib
COPY otel_calico ./otel_calico
RUN /opt/otel-calico/bin/python -m pip install --no-deps --force-reinstall . \
    && /opt/otel-calico/bin/python -m pip uninstall --yes pip \
    && /opt/otel-calico/bin/python -m compileall -q /opt/otel-calico/lib

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="otel-calico" \
      org.opencontainers.image.description="OpenTelemetry metrics of Project Calico's policy verdicts" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# Debian's iptables has the programs of both backends, iptables-legacy-save and iptables-nft-save; nftables has nft.
# Versions are those of the Debian release: a pinned one would be gone with the next security update.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends iptables nftables \
    && rm -rf /var/lib/apt/lists/*

COPY --from=build /opt/otel-calico /opt/otel-calico
ENV PATH=/opt/otel-calico/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

EXPOSE 9009
# Alive, on whatever port is set in the environment; Kubernetes uses probes of its own.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["python", "-c", "\
import os, urllib.request; port = os.environ.get('METRICS_SERVER_PORT', ''); \
urllib.request.urlopen(f'http://127.0.0.1:{port if port.isdigit() else 9009}/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
# It needs no init before it: as process 1 it reaps what iptables-save and nft leave behind.
ENTRYPOINT ["otel-calico"]
CMD ["serve"]
