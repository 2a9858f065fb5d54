# The image of the code location. The Dagster webserver, its daemon and MLflow run from it too: one lock, one set of wheels.
# Build from the repository's root: docker build -f infra/code_location.Dockerfile -t flywheel-code-location .

FROM python:3.12.11-slim-bookworm AS packages
RUN python -m venv /opt/venv
# requirements.lock with dagster-postgres and psycopg2 (dependency group `production`) and without the tools of development.
COPY infra/code_location.lock /tmp/
# --no-deps: the lock is complete, and pip cannot match extras against hashed names.
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /tmp/code_location.lock

FROM python:3.12.11-slim-bookworm
# Spark's Java. procps: Spark's start scripts call ps.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends openjdk-17-jre-headless procps \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 flywheel \
 && install --directory --owner flywheel --group flywheel /var/lib/flywheel /var/lib/mlflow /opt/dagster /opt/dagster/storage
COPY --from=packages /opt/venv /opt/venv
WORKDIR /opt/flywheel
COPY pyproject.toml ./
COPY validation validation
COPY feature_repo feature_repo
COPY training training
COPY serving serving
COPY monitoring monitoring
COPY orchestration orchestration
COPY infra infra
COPY infra/dagster.production.yaml /opt/dagster/dagster.yaml
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/flywheel \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DAGSTER_HOME=/opt/dagster \
    FLYWHEEL_HOME=/var/lib/flywheel \
    BENTOML_DO_NOT_TRACK=true \
    DO_NOT_TRACK=true \
    FEAST_USAGE=False \
    MLFLOW_DISABLE_TELEMETRY=true
USER flywheel
EXPOSE 4000
# Inside a container loopback reaches nobody: the address is opened here, and compose.yaml publishes none of this port.
CMD ["dagster", "code-server", "start", "--host", "0.0.0.0", "--port", "4000", "--module-name", "orchestration.definitions", "--location-name", "flywheel"]
