#!/usr/bin/env bash
# Installs what the lab needs and does not find: Debian packages, a wasm-capable rustc, cargo's checking tools, the
# AWS-compatible servers and the accessibility checker of the tests, the sample clip.
# Quick when everything is there. Every failure names its fix.
set -euo pipefail

cache=${AIV1_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/aiv1}
here=$(cd "$(dirname "$0")" && pwd)

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

command -v cargo >/dev/null || fail "cargo is missing: install Rust 1.95 or newer with rustup"
for component in rustfmt clippy; do
  { cargo "${component/rustfmt/fmt}" --version && { [ $component != rustfmt ] || rustfmt --version; }; } >/dev/null 2>&1 ||
    fail "$component is missing: rustup component add rustfmt clippy"
done

# command it must provide : Debian package
needed=(ffmpeg:ffmpeg ffprobe:ffmpeg nasm:nasm gcc:gcc g++:g++ make:make python3:python3 chromium:chromium
  unshare:util-linux prlimit:util-linux node:nodejs npm:npm curl:curl jq:jq wrk:wrk)
missing=()
for pair in "${needed[@]}"; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(libfaketime)
python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
python3 -c 'import ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  command -v apt-get >/dev/null || fail "missing: ${missing[*]}; install them with your package manager"
  [ "$(id -u)" = 0 ] || fail "missing: ${missing[*]}; run: sudo apt-get install ${missing[*]}"
  say "installing ${missing[*]}"
  log=$(mktemp)
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "apt-get could not install ${missing[*]} (log: $log)"; }
  rm -f "$log"
fi

encoders=$(ffmpeg -hide_banner -encoders 2>/dev/null) || fail "ffmpeg does not run: ffmpeg -encoders says why"
for encoder in libx264 libx265 libsvtav1; do
  grep -q " $encoder " <<<"$encoders" ||
    fail "ffmpeg has no $encoder, an anchor's encoder: install a build that has it (Debian's has)"
done

"$here/wasm-toolchain.sh" "$cache"

# crate version options: cargo's checking tools, and the tests' DynamoDB and S3
installed=$(cargo install --list --root "$cache/tools" 2>/dev/null || true)
while read -r crate version options; do
  if ! grep -qxF "$crate v$version:" <<<"$installed"; then
    say "building $crate $version (once)"
    # shellcheck disable=SC2086 # options are words
    CARGO_TARGET_DIR=$cache/tools/target cargo install --quiet --locked --force --root "$cache/tools" \
      "$crate@$version" $options </dev/null ||
      fail "cargo could not install $crate $version: is the crate registry reachable?"
    rm -rf "$cache/tools/target"
  fi
done <<'TOOLS'
cargo-deny 0.20.2
cargo-machete 0.9.2
dynoxide-rs 3.2.0 --no-default-features --features native-sqlite,http-server,cli
s3s-fs 0.14.1 --features binary
TOOLS

# Python's: what deploys to AWS and checks that, and the AWS-compatible services of the tests; each in a folder of its own.
for tool in sam ministack; do
  wanted=$here/requirements-$tool.txt
  if ! cmp -s "$wanted" "$cache/tools/$tool/installed.txt"; then
    say "installing $(tr '\n' ' ' <"$wanted")"
    rm -rf "${cache:?}/tools/$tool"
    { python3 -m venv "$cache/tools/$tool" && "$cache/tools/$tool/bin/python" -m pip install --quiet -r "$wanted"; } >&2 ||
      fail "pip could not install $wanted: is the Python package registry reachable, and python3-venv installed?"
    cp "$wanted" "$cache/tools/$tool/installed.txt"
  fi
done

# The accessibility checker that the browser tests put into every page; a file for tests, never part of what is built.
axe='axe-core-4.11.0'
if ! sha256sum --check --status 2>/dev/null <<<"$(cat "$here/axe-core.sha256")  $cache/tools/$axe.js"; then
  say "fetching $axe"
  work=$(mktemp -d)
  (cd "$work" && npm pack --silent "${axe%-*}@${axe##*-}" >/dev/null && tar -xzf "$axe.tgz") ||
    fail "npm could not fetch $axe: is the package registry reachable?"
  mkdir -p "$cache/tools"
  mv "$work/package/axe.min.js" "$cache/tools/$axe.js"
  rm -rf "$work"
  sha256sum --check --status <<<"$(cat "$here/axe-core.sha256")  $cache/tools/$axe.js" ||
    fail "$axe is not the file that is pinned in scripts/axe-core.sha256"
fi

# Builds do without it, so its absence is only told.
"$here/fetch-sample.sh" "$cache/samples" >/dev/null ||
  say "no sample clip in $cache/samples: the tests need it, or AIV1_CLIPS naming a folder of clips"
