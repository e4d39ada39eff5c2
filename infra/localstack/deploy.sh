#!/bin/sh
# Deploy to LocalStack from the deployer's container (docker-compose.yml), and again when it comes
# back empty: LocalStack keeps nothing. API_ADDRESS and AWS_ADDRESS are those that browsers use;
# STACK_PARAMETERS are more of the stack's, "Name=value Name=value".
set -euf  # no file names: STACK_PARAMETERS may have a *
cd "$(dirname "$0")/../.."
stands() {
  python -c "import urllib.request as r; r.urlopen('$AWS_ENDPOINT_URL/_aws/execute-api/backroom/api/ping', timeout=60)" 2>/dev/null
}
parameters=
for each in ${STACK_PARAMETERS:-}; do parameters="$parameters --parameter $each"; done
while :; do
  rm -f /tmp/deployed
  until python -m infra.deploy --target localstack --stage local --vendors /shared/vendors.json \
    --parameter "BakeryHome=$API_ADDRESS" --parameter "PresignEndpoint=$AWS_ADDRESS" \
    --parameter VendingFleetDelaySeconds=1 $parameters; do
    sleep 5
  done
  # Have some environments started before the first burst.
  for _ in 1 2 3 4; do stands & done
  wait
  touch /tmp/deployed
  failed=0
  while [ "$failed" -lt 3 ]; do
    sleep 10 &
    wait $!
    if stands; then failed=0; else failed=$((failed + 1)); fi
  done
  echo "The stage does not answer any more; deploying again"
done
