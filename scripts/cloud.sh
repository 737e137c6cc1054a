# What the cloud's scripts share; sourced. Every failure names its fix.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${AIV1_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/aiv1}
# Pinned by scripts/requirements-sam.txt; `make setup` installs them.
PATH=$cache/tools/sam/bin:$PATH
export SAM_CLI_TELEMETRY=0 AWS_PAGER=
STACK=${STACK:-aiv1}
LAB=${LAB:-prod}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() { say "$*"; exit 1; }

need_account() {
  local tool
  for tool in sam aws; do
    command -v "$tool" >/dev/null || fail "$tool is missing: run make setup"
  done
  [ -n "${AWS_REGION:=${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}" ] ||
    fail "no region: export AWS_REGION=eu-central-1, or another"
  export AWS_REGION AWS_DEFAULT_REGION=$AWS_REGION
  account=$(aws sts get-caller-identity --query Account --output text) ||
    fail "no valid credentials: aws configure, aws sso login, or AWS_PROFILE=…"
}

# One output of a deployed stack, nothing where it has none of that name: optional_output STACK NAME
optional_output() {
  aws cloudformation describe-stacks --stack-name "$1" --output text \
    --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue" | sed '/^None$/d' ||
    fail "there is no stack $1 in $AWS_REGION: run make deploy first"
}

# One that it must have: output STACK NAME
output() {
  local value
  value=$(optional_output "$1" "$2") || exit
  [ -n "$value" ] || fail "the stack $1 has no output $2: run make deploy again"
  printf '%s\n' "$value"
}

# What a program was built for: machine_of FILE
machine_of() {
  case $(od -An -tu2 -j18 -N2 "$1" | tr -d ' ') in
    62) echo x86_64 ;;
    183) echo arm64 ;;
    *) echo "neither x86_64 nor arm64" ;;
  esac
}
