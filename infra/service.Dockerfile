# The image of the online service: no Java, no Dagster home; it reads releases from the shared volume and state from Redis.
# Build from the repository's root: docker build -f infra/service.Dockerfile -t flywheel-service .

FROM python:3.12.11-slim-bookworm AS packages
RUN python -m venv /opt/venv
# Only what serving imports (dependency group `serving`): a quarter of the whole lock.
COPY infra/service.lock /tmp/
# --no-deps: the lock is complete, and pip cannot match extras against hashed names.
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /tmp/service.lock

FROM python:3.12.11-slim-bookworm
RUN useradd --create-home --uid 10001 flywheel \
 && install --directory --owner flywheel --group flywheel /var/lib/flywheel \
 && install --directory --owner flywheel --group flywheel --mode 0700 /var/cache/flywheel
COPY --from=packages /opt/venv /opt/venv
WORKDIR /opt/flywheel
COPY pyproject.toml ./
COPY infra infra
COPY validation validation
COPY feature_repo feature_repo
COPY serving serving
# What pip installed is compiled; compiled at each start, this would cost a third of a second in every process.
RUN /opt/venv/bin/python -m compileall -q infra validation feature_repo serving
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/flywheel \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FLYWHEEL_HOME=/var/lib/flywheel \
    FLYWHEEL_SERVICE_HOST=0.0.0.0 \
    FLYWHEEL_SERVICE_PORT=3700 \
    BENTOML_HOME=/var/lib/flywheel/bentoml \
    BENTOML_DO_NOT_TRACK=true
USER flywheel
# Compiled loops are the image's, not the volume's: each image finds its own. Those for another processor than the
# builder's are compiled at the first start.
ENV NUMBA_CACHE_DIR=/var/cache/flywheel/loops
RUN python -m serving.fill_loop_cache
EXPOSE 3700
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"FLYWHEEL_SERVICE_PORT\"]}/readyz', timeout=2)"]
# Address and port come from the two settings above.
CMD ["bentoml", "serve", "serving.service:HomeFeed"]
