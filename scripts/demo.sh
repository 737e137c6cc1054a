#!/usr/bin/env bash
# The lab on this machine: site, API, worker and search on one port, on real footage, until Ctrl-C.
# Usage: demo.sh [VIDEO]   (AIV1 names the built command; everything is kept in $AIV1_LAB, ./aiv1-lab by default)
# EXPERIMENTS=N stops by itself after N experiments; FRAMES=N measures on the first N frames of the clip (48).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
data=${AIV1_LAB:-aiv1-lab}
clip=${1:-$("$here/fetch-sample.sh" "${AIV1_CACHE:?}/samples")}

"$AIV1" doctor
printf '\n'
more=()
if [ -n "${EXPERIMENTS:-}" ]; then more=(--experiments "$EXPERIMENTS" --exit-when-done); fi
exec "$AIV1" up --data "$data" --clip "$clip" --frames "${FRAMES:-48}" "${more[@]}"
