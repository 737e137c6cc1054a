#!/usr/bin/env bash
# Deploys the lab to the AWS account and region that the environment names; see docs/CLOUD.md.
#
#   STACK=aiv1 LAB=prod PARAMETERS="DomainName=lab.example AlarmEmail=me@lab.example" scripts/deploy.sh
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
  case $(od -An -tu2 -j18 -N2 "$binary" | tr -d ' ') in
    62) machine=x86_64 ;;
    183) machine=arm64 ;;
    *) fail "$binary is for neither x86_64 nor arm64: run make build-lambda" ;;
  esac
  [ "${built_for:=$machine}" = "$machine" ] || fail "$binary is for $machine, others for $built_for: run make build-lambda"
done

say "account $account, region $AWS_REGION, stack $STACK, lab $LAB, $built_for"
sam build --template template.yaml >/dev/null || fail "sam build failed: make deploy-check says what is wrong with template.yaml"
read -ra parameters <<<"${PARAMETERS:-}"
# shellcheck disable=SC2086 # SAM_DEPLOY are options
sam deploy --stack-name "$STACK" ${SAM_DEPLOY:-} --no-progressbar \
  --parameter-overrides "Lab=$LAB" "Architecture=$built_for" "${parameters[@]}" ||
  fail "sam deploy failed, and CloudFormation has rolled back to what was there. The first CREATE_FAILED or UPDATE_FAILED above says why"

"$root/scripts/cloud-tokens.sh" make
say "the site: $(output "$STACK" SiteUrl)"
