#!/bin/sh
# Deploy to LocalStack from the deployer's container (docker-compose.yml), and tell the gateway
# which API to lead to: sh infra/localstack/deploy.sh ADDRESS, that under which the API answers.
set -eu
cd "$(dirname "$0")/../.."
# When nothing has changed the outputs are printed, too.
outputs=$(python -m infra.deploy --target localstack --stage local --parameter "BakeryHome=$1") || {
  echo "$outputs"
  exit 1
}
echo "$outputs"
echo "$outputs" | sed -n 's/^ *RestAPIId: //p' >"${GATEWAY_FOLDER:-/gateway}/api-id"
test -s "${GATEWAY_FOLDER:-/gateway}/api-id"
