#!/usr/bin/env bash
# Uploads the built worker and command, and deploys the machines that run them; see docs/CLOUD.md.
#
#   STACK=aiv1 LAB=prod PARAMETERS="MaxWorkers=8" scripts/deploy-workers.sh
#
# Without Vpc and Subnets in PARAMETERS the account's default network is taken.
set -euo pipefail
# shellcheck source=scripts/cloud.sh
. "$(dirname "$0")/cloud.sh"
cd "$root"
need_account

target=${CARGO_TARGET_DIR:-$root/target}/release
for program in aiv1 aiv1-worker; do
  [ -x "$target/$program" ] || fail "$target/$program is not there: run make build"
  # What the image and the kinds of machines in infra/workers.yaml run: Debian 12 on x86-64.
  machine=$(machine_of "$target/$program")
  [ "$machine" = x86_64 ] || fail "$target/$program is for $machine, the machines are x86_64: build it on one"
  glibc=$( (grep -ao 'GLIBC_2\.[0-9]*' "$target/$program" || true) | sort -Vu | tail -n 1)
  [ "$(printf '%s\nGLIBC_2.36\n' "$glibc" | sort -V | tail -n 1)" = GLIBC_2.36 ] ||
    fail "$target/$program needs $glibc, Debian 12 has GLIBC_2.36: build it on Debian 12"
done
bucket=$(output "$STACK" BucketName)
table=$(output "$STACK" TableName)
topic=$(optional_output "$STACK" AlarmTopic)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/machine"
cp "$target/aiv1" "$target/aiv1-worker" "$work/bin/"
cp infra/machine/* scripts/wasm-toolchain.sh "$work/machine/"
# The same files give the same archive, so that nothing is replaced when nothing has changed.
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$work" -c bin machine | gzip -n >"$work/release.tar.gz"
sha256=$(sha256sum "$work/release.tar.gz" | cut -d ' ' -f 1)
release=releases/aiv1-${sha256:0:16}.tar.gz
say "uploading $release ($(($(stat -c %s "$work/release.tar.gz") / 1048576)) MiB) to $bucket"
aws s3 cp --only-show-errors "$work/release.tar.gz" "s3://$bucket/$release" ||
  fail "the release could not be put into $bucket: your role needs s3:PutObject on releases/*"

network=()
if [[ " ${PARAMETERS:-} " != *" Vpc="* ]]; then
  vpc=$(aws ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[0].VpcId' --output text)
  [ -n "$vpc" ] && [ "$vpc" != None ] ||
    fail "$AWS_REGION has no default VPC: aws ec2 create-default-vpc, or PARAMETERS=\"Vpc=vpc-… Subnets=subnet-…,subnet-…\""
  subnets=$(aws ec2 describe-subnets --filters "Name=vpc-id,Values=$vpc" Name=default-for-az,Values=true \
    --query 'Subnets[].SubnetId' --output text | tr -s '\t ' ,)
  network=("Vpc=$vpc" "Subnets=$subnets")
fi
read -ra parameters <<<"${PARAMETERS:-}"
[ -z "$topic" ] || parameters=("AlarmTopic=$topic" "${parameters[@]}")
# sam looks for its configuration beside the template.
# shellcheck disable=SC2086 # SAM_DEPLOY are options
sam deploy --template-file infra/workers.yaml --config-file "$root/samconfig.toml" --stack-name "$STACK-workers" \
  ${SAM_DEPLOY:-} --no-progressbar \
  --parameter-overrides "Lab=$LAB" "BucketName=$bucket" "TableName=$table" "Release=$release" \
  "ReleaseSha256=$sha256" "${network[@]}" "${parameters[@]}" ||
  fail "the machines could not be deployed: the first CREATE_FAILED or UPDATE_FAILED above says why"
say "machines come as work waits; aiv1 workers --url $(output "$STACK" ApiUrl) lists them"
