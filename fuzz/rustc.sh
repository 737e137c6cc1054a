#!/bin/sh
# Cargo's RUSTC_WORKSPACE_WRAPPER for fuzz builds: our crates get coverage counters. These are stable flags, so that
# neither nightly nor cargo-fuzz is needed. Build scripts run by themselves and have no runtime to count for them.
case " $* " in
*" --crate-name build_script_build "*)
    exec "$@"
    ;;
*)
    exec "$@" -Cpasses=sancov-module \
        -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
        -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
esac
