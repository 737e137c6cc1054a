#!/usr/bin/env bash
# Builds the functions as AWS runs them, each into dist/lambda/NAME/bootstrap; see docs/CLOUD.md. For the machine it runs
# on: x86-64 or arm64, which deploy.sh reads from the result.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
functions=(dashboard-ssr experiment-api presign regenerate-video housekeeping)
cargo build --locked --profile lambda "${functions[@]/#/--package=aiv1-}" --bins
for function in "${functions[@]}"; do
  mkdir -p "dist/lambda/$function"
  # A copy that is renamed: a deployment under way never sees half a program.
  cp "${CARGO_TARGET_DIR:-target}/lambda/aiv1-$function" "dist/lambda/$function/.bootstrap"
  mv "dist/lambda/$function/.bootstrap" "dist/lambda/$function/bootstrap"
done
