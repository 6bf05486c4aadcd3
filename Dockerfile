# Lossboard as a container: the service, and nothing that builds it. docs/how-to/install.md says how to run it.
# The base can be pinned by its digest, too: --build-arg PYTHON=python:3.13-slim@sha256:...
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
WORKDIR /build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_ONLY_BINARY=:all:
COPY requirements.txt requirements-build.txt ./
RUN python -m venv tools \
    && tools/bin/pip install --require-hashes -r requirements-build.txt \
    && python -m venv --without-pip /opt/lossboard \
    && tools/bin/pip --python /opt/lossboard install --require-hashes -r requirements.txt
COPY . .
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheel . \
    && tools/bin/pip --python /opt/lossboard install --no-deps wheel/*.whl

FROM ${PYTHON}
LABEL org.opencontainers.image.title="Lossboard" \
      org.opencontainers.image.description="Where a sales office loses its money, live on its wall" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --system --gid 10001 lossboard \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/lossboard --no-create-home lossboard \
    && install --directory --mode=0700 --owner=10001 --group=10001 /var/lib/lossboard
COPY --from=build /opt/lossboard /opt/lossboard
ENV PATH=/opt/lossboard/bin:$PATH PYTHONUNBUFFERED=1 PYTHONFAULTHANDLER=1
USER 10001:10001
# `database_url = "sqlite:///lossboard.db"` means this folder.
WORKDIR /var/lib/lossboard
VOLUME /var/lib/lossboard
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["lossboard"]
CMD ["serve", "--host", "0.0.0.0", "--config", "/etc/lossboard/lossboard.toml"]
