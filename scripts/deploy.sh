#!/usr/bin/env bash
# Deploys the lab to the AWS account and region that the environment names; see docs/CLOUD.md.
#
#   STACK=aiv1 LAB=prod PARAMETERS="DomainName=lab.example AlarmEmail=me@lab.example" scripts/deploy.sh
#   SETTINGS=settings.json scripts/deploy.sh         the parameter DefaultSettings from a file
#
# What an earlier deployment was given and this one is not, stays as it is.
set -euo pipefail
# shellcheck source=scripts/cloud.sh
. "$(dirname "$0")/cloud.sh"
cd "$root"
need_account

built_for=
for function in dashboard-ssr experiment-api presign regenerate-video housekeeping; do
  binary=dist/lambda/$function/bootstrap
  [ -x "$binary" ] || fail "$binary is not there: run make build-lambda"
  machine=$(machine_of "$binary")
  case $machine in x86_64 | arm64) ;; *) fail "$binary is for $machine: run make build-lambda" ;; esac
  [ "${built_for:=$machine}" = "$machine" ] || fail "$binary is for $machine, others for $built_for: run make build-lambda"
done

say "account $account, region $AWS_REGION, stack $STACK, lab $LAB, $built_for"
sam build --template template.yaml >/dev/null || fail "sam build failed: make deploy-check says what is wrong with template.yaml"
read -ra parameters <<<"${PARAMETERS:-}"
if [ -n "${SETTINGS:-}" ]; then
  # As a quoted string, which sam takes apart again.
  settings=$(jq --exit-status --compact-output 'objects | tojson' "$SETTINGS") ||
    fail "$SETTINGS is no JSON object: docs/CLOUD.md shows one"
  parameters+=("DefaultSettings=$settings")
fi
# shellcheck disable=SC2086 # SAM_DEPLOY are options
sam deploy --stack-name "$STACK" ${SAM_DEPLOY:-} --no-progressbar \
  --parameter-overrides "Lab=$LAB" "Architecture=$built_for" "${parameters[@]}" ||
  fail "sam deploy failed, and CloudFormation has rolled back to what was there. The first CREATE_FAILED or UPDATE_FAILED above" \
    "says why. If it was the first deployment: aws cloudformation delete-stack --stack-name $STACK, then try again"

"$root/scripts/cloud-tokens.sh" make
say "the site: $(output "$STACK" SiteUrl)"
