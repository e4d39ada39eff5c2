# What docker-compose.yml runs of ours, an image for each job with what that job takes and no more:
# cleaner, deployer, exporter, standins. The functions run on the Python that packages them.
FROM python:3.11-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7 AS base
WORKDIR /app
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app
RUN useradd --uid 10001 --create-home backroom \
 && install -d -o backroom /state /shared /app/build

# It runs as root, to whom the engine's socket belongs, and has no network.
FROM base AS cleaner
COPY infra/__init__.py infra/
COPY infra/localstack/__init__.py infra/localstack/containers.py infra/localstack/
CMD ["python", "-m", "infra.localstack.containers"]

FROM base AS exporter
COPY requirements-dev.txt ./
RUN pip install -c requirements-dev.txt boto3 prometheus-client pydantic urllib3
COPY chalicelib/__init__.py chalicelib/
COPY chalicelib/core/__init__.py chalicelib/core/settings.py chalicelib/core/
COPY monitoring monitoring
USER backroom
CMD ["python", "-m", "monitoring.exporter"]

FROM base AS standins
COPY infra/local/requirements.txt ./
RUN pip install -c requirements.txt aiosmtpd cryptography jsonschema_rs
COPY infra/__init__.py infra/request_guard.py infra/
COPY infra/standins infra/standins
USER backroom
CMD ["python", "-m", "infra.standins"]

FROM base AS deployer
COPY requirements-dev.txt ./
RUN pip install -c requirements-dev.txt aws-sam-translator boto3 cfn-lint chalice localstack-client
COPY app.py requirements.txt ./
COPY .chalice .chalice
COPY chalicelib chalicelib
COPY docs/operations.md docs/
COPY infra infra
USER backroom
CMD ["sh", "infra/localstack/deploy.sh"]
