# The relay. Nothing of the vendor's is copied in: the trader library comes with openctp-ctp from the package index.
#
#   docker build -t ctp-relay .                       the relay
#   docker build --build-arg TTS=yes -t ctp-relay .   the relay with openctp-tts too, for a counter of TTS's (counter.binding)
#   docker build -t ctp-relay-demo --target demo .    with the simulated counter and a terminal, for trying out

# The Python packages are taken by their hashes (requirements/relay.txt). The image below is taken by its name, which its publisher may
# give to another image. To take one and no other, give its digest, which `docker pull` prints, at the build:
#
#   docker build --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:DIGEST -t ctp-relay .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
ARG TTS=
WORKDIR /source
COPY pyproject.toml hatch_build.py README.md LICENSE NOTICE ./
COPY ctpabi ctpabi
COPY proto proto
COPY relay relay
COPY requirements requirements
COPY simcounter simcounter
COPY terminal_client terminal_client
RUN python -m venv /opt/ctp-relay \
    && /opt/ctp-relay/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes \
        --only-binary :all: -r requirements/relay.txt ${TTS:+-r requirements/tts.txt} \
    && /opt/ctp-relay/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation \
        ./terminal_client .

FROM ${PYTHON_IMAGE} AS relay
# The binding stops the process where this locale is absent.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends locales \
    && localedef -i zh_CN -f GB18030 zh_CN.GB18030 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/ctp-relay --shell /usr/sbin/nologin ctp-relay \
    && install -d -o ctp-relay -g ctp-relay -m 0700 /var/lib/ctp-relay/state /etc/ctp-relay
COPY --from=packages /opt/ctp-relay /opt/ctp-relay
ENV PATH=/opt/ctp-relay/bin:$PATH PYTHONUNBUFFERED=1 CTP_RELAY_CONFIG=/etc/ctp-relay/relay.toml
USER ctp-relay
WORKDIR /var/lib/ctp-relay
EXPOSE 50051 9100
STOPSIGNAL SIGTERM
# The terminal service answers; works with every setting but another port. Whether logins can succeed is /readyz's to say: a restart mends none of that.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 50051), 3).close()"]
ENTRYPOINT ["ctp-relay"]
CMD ["serve"]

FROM relay AS demo
USER root
# The simulated counter's library is compiled from the catalog of the installed binding.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
# In no wheel: it lies in the working directory.
COPY demo demo
USER ctp-relay
RUN ctp-simcounter build
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "demo"]
CMD []

# The plain `docker build` makes the relay.
FROM relay
