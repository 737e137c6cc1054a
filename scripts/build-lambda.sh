#!/usr/bin/env bash
# Builds the functions as AWS runs them, each into dist/lambda/NAME/bootstrap; see docs/CLOUD.md. For the machine it runs
# on: x86-64 or arm64, which deploy.sh reads from the result.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
functions=(dashboard-ssr experiment-api presign regenerate-video housekeeping)
# Lambda's system need not have the C++ library that the H.264 encoder wants, so it is linked in: gcc looks here first, and
# finds nothing but the archive.
library=$(mktemp -d)
trap 'rm -rf "$library"' EXIT
place=$library/$(gcc -dumpmachine)/$(gcc -dumpversion)
mkdir -p "$place"
ln -s "$(g++ -print-file-name=libstdc++.a)" "$place/libstdc++.a"
LIBRARY_PATH=$library cargo build --locked --profile lambda "${functions[@]/#/--package=aiv1-}" --bins
for function in "${functions[@]}"; do
  mkdir -p "dist/lambda/$function"
  # A copy that is renamed: a deployment under way never sees half a program.
  cp "${CARGO_TARGET_DIR:-target}/lambda/aiv1-$function" "dist/lambda/$function/.bootstrap"
  mv "dist/lambda/$function/.bootstrap" "dist/lambda/$function/bootstrap"
done
