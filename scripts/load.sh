#!/usr/bin/env bash
# Mixed pages and API under load at 10, 1,000 and 100,000 records, printed as a table.
# scripts/load.sh [RECORDS…]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
command -v wrk >/dev/null || { echo "load: wrk is missing: run make setup" >&2; exit 1; }
cd "$here/.."
exec cargo bench --locked --quiet -p aiv1-tests --bench load -- "$@"
