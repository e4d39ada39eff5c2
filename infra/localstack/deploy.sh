#!/bin/sh
# Deploy to LocalStack from the deployer's container (docker-compose.yml), and tell the gateway
# which API to lead to. The checkout at /src is read only, so a copy is packaged.
set -eu
mkdir -p /app
cd /app
tar -C /src --exclude=./.git --exclude=./.venv --exclude=./.ministack --exclude=./build -cf - . |
  tar -xf -
pip install --quiet --disable-pip-version-check -c requirements-dev.txt -e '.[deploy]'
# When nothing has changed the outputs are printed, too.
outputs=$(python -m infra.deploy --target localstack --stage local) || {
  echo "$outputs"
  exit 1
}
echo "$outputs"
echo "$outputs" | sed -n 's/^ *RestAPIId: //p' >/gateway/api-id
test -s /gateway/api-id
