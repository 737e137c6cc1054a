#!/usr/bin/env bash
# Mixed pages and API under load, over the embedded store and over the AWS store on servers that speak AWS, as tables.
# scripts/load.sh [embedded|aws] [RECORDS…]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
command -v wrk >/dev/null || { echo "load: wrk is missing: run make setup" >&2; exit 1; }
cd "$here/.."
exec cargo bench --locked --quiet -p aiv1-tests --bench load -- "$@"
