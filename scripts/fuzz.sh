#!/bin/sh
# Fuzzes each target for a while: scripts/fuzz.sh SECONDS [TARGET...]
# Needs nothing but the stable toolchain and a C++ compiler. A crash fails the run and leaves its input in fuzz/artifacts.
set -eu
seconds=${1:?usage: scripts/fuzz.sh SECONDS [TARGET...]}
shift
root=$(cd "$(dirname "$0")/.." && pwd)
[ $# -gt 0 ] || set -- stream module reply
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
# Only our own crates are instrumented, and kept apart from the plain ones; the dependencies are those of every other
# development build, since selecting the whole workspace gives them the same features.
RUSTC_WORKSPACE_WRAPPER=$root/fuzz/rustc.sh
export CARGO_TARGET_DIR RUSTC_WORKSPACE_WRAPPER

cargo build --quiet --manifest-path "$root/Cargo.toml" --locked --workspace \
    --bin fuzz-stream --bin fuzz-module --bin fuzz-reply --bin fuzz-seeds
bin=$CARGO_TARGET_DIR/debug
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
trap 'exit 130' INT TERM

for target in "$@"; do
    mkdir -p "$corpus/$target" "$root/fuzz/artifacts/$target"
    "$bin/fuzz-seeds" "$target" "$corpus/$target"
    case $target in
    module) max_len=16384 ;;
    *) max_len=8192 ;;
    esac
    echo "fuzz $target: $seconds s from $(ls "$corpus/$target" | wc -l) seeds"
    log=$corpus/$target.log
    if ! "$bin/fuzz-$target" -max_total_time="$seconds" -max_len=$max_len -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$root/fuzz/artifacts/$target/" "$corpus/$target" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        echo "fuzz $target: FAILED; the input lies in fuzz/artifacts/$target" >&2
        exit 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    echo "fuzz $target: $runs executions, $rate/s, $(ls "$corpus/$target" | wc -l) inputs kept, no crash"
done
