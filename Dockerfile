# Deployer and exporter of docker-compose.yml. The functions run on the Python that packages them.
FROM python:3.11-slim
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir --disable-pip-version-check \
      -c requirements-dev.txt -e '.[deploy,monitoring]' \
 && useradd --uid 10001 backroom \
 && mkdir -p /gateway /state build \
 && chown -R backroom /app /gateway /state
USER backroom
