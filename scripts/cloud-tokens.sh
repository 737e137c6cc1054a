#!/usr/bin/env bash
# Tokens of a deployed lab, as SecureStrings below /aiv1/LAB/tokens: submit, worker, admin.
#
#   LAB=prod scripts/cloud-tokens.sh make            what is missing (make deploy does)
#   LAB=prod scripts/cloud-tokens.sh show SCOPE      on standard output
#   LAB=prod scripts/cloud-tokens.sh add SCOPE       one more: both are valid until…
#   LAB=prod scripts/cloud-tokens.sh retire SCOPE    …all but the newest are taken away
#
# A parameter holds one token a line, the newest last: workers use the first, which every function knows already while a
# new one has not been read by all of them. Tokens pass through standard input and files of one's own, never through a
# command's arguments, which other users of the machine could read.
set -euo pipefail
umask 077
# shellcheck source=scripts/cloud.sh
. "$(dirname "$0")/cloud.sh"

usage() { fail "say make, show SCOPE, add SCOPE or retire SCOPE, where SCOPE is submit, worker or admin"; }
[ $# -ge 1 ] || usage
if [ "$1" = make ]; then [ $# = 1 ] || usage; else
  [ $# = 2 ] || usage
  case $2 in submit | worker | admin) ;; *) usage ;; esac
fi
need_account

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

name() { printf '/aiv1/%s/tokens/%s' "$LAB" "$1"; }

# 32 random bytes.
fresh() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }

# read_tokens SCOPE: one a line, as functions read them; nothing if there is no such parameter. Its failure ends the script
# only where it stands alone on the right of an assignment.
read_tokens() {
  if aws ssm get-parameter --with-decryption --name "$(name "$1")" --query Parameter.Value --output text \
    >"$work/read" 2>"$work/error"; then
    tr ', \t' '\n' <"$work/read" | sed '/^$/d'
  elif ! grep -q ParameterNotFound "$work/error"; then
    cat "$work/error" >&2
    fail "$(name "$1") cannot be read: your role needs ssm:GetParameter and ssm:PutParameter on it"
  fi
}

# write_tokens SCOPE OVERWRITE: from standard input; with false, only where there is none
write_tokens() {
  jq --raw-input --slurp --arg name "$(name "$1")" --argjson overwrite "$2" \
    '{Name: $name, Type: "SecureString", Overwrite: $overwrite, Value: rtrimstr("\n"), Description: "Tokens, one a line, the newest last"}' \
    >"$work/request.json"
  aws ssm put-parameter --cli-input-json "file://$work/request.json" >/dev/null ||
    fail "$(name "$1") cannot be written: your role needs ssm:PutParameter on it"
}

case $1 in
  make)
    for scope in submit worker admin; do
      before=$(read_tokens $scope)
      [ -n "$before" ] || { fresh | write_tokens $scope false; say "made a token for $scope"; }
    done
    ;;
  show) read_tokens "$2" ;;
  add)
    before=$(read_tokens "$2")
    printf '%s\n%s\n' "$before" "$(fresh)" | sed '/^$/d' | write_tokens "$2" true
    say "$2 has one more token; everyone has read it after 20 minutes: then retire $2"
    ;;
  retire)
    before=$(read_tokens "$2")
    [ -n "$before" ] || fail "there is no token for $2 in the lab $LAB: scripts/cloud-tokens.sh make"
    tail -n 1 <<<"$before" | write_tokens "$2" true
    say "$2 has one token"
    ;;
  *) usage ;;
esac
