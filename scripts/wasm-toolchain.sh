#!/bin/sh
# Makes sure there is a rustc that compiles to wasm32-unknown-unknown, which is what codecs are built with.
#
#   scripts/wasm-toolchain.sh [--debian] [CACHE]
#
# In this order, the first that holds wins:
#   1. a `rustc` on PATH (or $AIV1_RUSTC) that already has the target: nothing to do;
#   2. CACHE/toolchain, made by an earlier run of this script: nothing to do;
#   3. rustup is there and can add the target (`rustup target add wasm32-unknown-unknown`);
#   4. Debian's packages, unpacked into CACHE/toolchain, with the standard library built from their source.
#      About a minute and 450 MB at the end (1.3 GB while it runs). Nothing is installed, root is not needed.
#
# --debian goes straight to 4. CACHE is $AIV1_CACHE, else $XDG_CACHE_HOME/aiv1, else ~/.cache/aiv1.
# Safe to run twice, at once or after being killed: work happens in a folder of its own, and one rename ends it.
set -eu

TARGET=wasm32-unknown-unknown
PACKAGES="rustc-web cargo-web rust-web-src"

say() { printf 'wasm-toolchain: %s\n' "$*" >&2; }
fail() { say "error: $1"; shift; for line in "$@"; do say "  $line"; done; exit 1; }
need() { command -v "$1" >/dev/null 2>&1 || fail "$1 is missing" "get it with: apt-get install $2"; }

debian_only=no
if [ "${1:-}" = --debian ]; then debian_only=yes; shift; fi
cache=${1:-${AIV1_CACHE:-${XDG_CACHE_HOME:-${HOME:?neither CACHE nor HOME is given}/.cache}/aiv1}}
mkdir -p "$cache"
cache=$(realpath "$cache")
final=$cache/toolchain

# Has this rustc the target's standard library?
has_target() {
    root=$("$1" --print sysroot 2>/dev/null) || return 1
    ls "$root/lib/rustlib/$TARGET/lib/"libstd-*.rlib >/dev/null 2>&1
}

# Does the toolchain below $1 turn a program into a module?
works() {
    [ -x "$1/usr/bin/rustc" ] || return 1
    trial=$(mktemp -d) || return 1
    printf '#[unsafe(no_mangle)]\npub extern "C" fn f(n: i32) -> usize { vec![0u8; n as usize].len() }\n' > "$trial/t.rs"
    result=0
    LD_LIBRARY_PATH=$(libraries "$1") "$1/usr/bin/rustc" --target $TARGET -C linker="$1/usr/bin/rust-lld" \
        -C panic=abort --edition 2024 --crate-type cdylib -o "$trial/t.wasm" "$trial/t.rs" >&2 || result=1
    [ $result = 0 ] && [ "$(head -c 4 "$trial/t.wasm" | od -An -tx1 | tr -d ' ')" = 0061736d ] || result=1
    rm -rf "$trial"
    return $result
}

libraries() { dirname "$(ls "$1"/usr/lib/*/librustc_driver-*.so 2>/dev/null | head -n 1)"; }

if [ $debian_only = no ]; then
    for rustc in ${AIV1_RUSTC:-} rustc; do
        if has_target "$rustc"; then
            say "$rustc has $TARGET already: $("$rustc" --version)"
            exit 0
        fi
    done
fi

need flock util-linux
exec 9> "$cache/toolchain.lock"
flock -n 9 || { say "another run is at work; waiting for it"; flock 9; }

if [ -e "$final/complete" ] && works "$final"; then
    say "already there: $(cat "$final/complete")"
    exit 0
fi

if [ $debian_only = no ] && command -v rustup >/dev/null 2>&1; then
    say "asking rustup for $TARGET"
    if timeout 120 rustup target add $TARGET >/dev/null 2>&1 && has_target rustc; then
        say "rustup added it: $(rustc --version)"
        exit 0
    fi
    say "rustup could not add it; taking Debian's packages"
fi

for tool in apt-get apt-cache dpkg; do
    command -v $tool >/dev/null 2>&1 || fail "no $tool: this route is for Debian" \
        "get the target another way: rustup target add $TARGET," \
        "or name a rustc that has it: AIV1_RUSTC=/path/to/rustc"
done
need cc gcc

rm -rf "$cache"/toolchain.build.*
work=$(mktemp -d "$cache/toolchain.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
chmod 755 "$work"
tree=$work/tree
mkdir "$tree" "$work/packages"

if [ -z "$(apt-cache search --names-only '^rustc-web$')" ]; then
    [ "$(id -u)" = 0 ] && { say "apt knows no rustc-web: running apt-get update"; apt-get -qq update || true; }
    [ -n "$(apt-cache search --names-only '^rustc-web$')" ] || fail "apt has no package rustc-web" \
        "refresh its lists: sudo apt-get update" \
        "or get the target another way: rustup target add $TARGET, or AIV1_RUSTC=/path/to/rustc"
fi
# The versioned names come out of apt's own records: compiler library, its LLVM, the linker that goes with it.
depends() { apt-cache depends "$1" | sed -n "s/^ *Depends: \($2\)\$/\1/p" | head -n 1; }
standard=$(depends libstd-rust-web-dev 'libstd-rust-web-[0-9.]*')
llvm=$(depends "${standard:-none}" 'libllvm[0-9]*')
[ -n "$llvm" ] || fail "apt's record of libstd-rust-web-dev names no compiler library" "this script needs a look"
linker=lld-${llvm#libllvm}
# Libraries that they need and this system lacks, by apt's reckoning. What it has is used where it is.
lacking=$(apt-get -s install --no-install-recommends $PACKAGES "$linker" 2>/dev/null |
    sed -n 's/^Inst \(lib[^ ]*\) .*/\1/p' | grep -Ev '^lib(c6|c|gcc|stdc++)(-[0-9]+)?-dev' || true)
wanted=$(printf '%s\n' $PACKAGES libstd-rust-web-dev "$standard" "$llvm" "$linker" $lacking | sort -u)

say "downloading $(printf '%s\n' "$wanted" | wc -l) packages: $(echo $wanted)"
(cd "$work/packages" && apt-get -qq -o APT::Sandbox::User=root download $wanted) >&2 || fail "apt-get download failed" \
    "refresh its lists and try again: sudo apt-get update"

say "unpacking"
for package in "$work"/packages/*.deb; do dpkg -x "$package" "$tree"; done
rm -rf "$work/packages"
library=$(libraries "$tree")
[ "$library" != . ] || fail "the packages hold no rustc"
ln -sfn "$linker" "$tree/usr/bin/rust-lld"

missing=$(LD_LIBRARY_PATH=$library ldd "$tree/usr/bin/rustc" "$tree/usr/bin/cargo" "$(realpath "$tree/usr/bin/rust-lld")" |
    sed -n 's/^[[:space:]]*\([^ ]*\) => not found$/\1/p' | sort -u)
[ -z "$missing" ] || fail "the system lacks libraries: $(echo $missing)" "install them: sudo apt-get install rustc-web"

say "building the standard library for $TARGET"
source=$tree/usr/lib/rustlib/src/rust/library
export PATH="$tree/usr/bin:$PATH" LD_LIBRARY_PATH="$library" RUSTC="$tree/usr/bin/rustc" RUSTC_BOOTSTRAP=1
export CARGO_HOME="$work/cargo" CARGO_TARGET_DIR="$work/target"
export RUSTFLAGS="-Cembed-bitcode=yes --remap-path-prefix=$tree=/toolchain"
unset RUSTUP_TOOLCHAIN CARGO_BUILD_TARGET RUSTC_WRAPPER CARGO_ENCODED_RUSTFLAGS CARGO_INCREMENTAL || true
mkdir -p "$CARGO_HOME" "$work/empty/src"
: > "$work/empty/src/lib.rs"
printf '[source.crates-io]\nreplace-with = "packaged"\n[source.packaged]\ndirectory = "%s/vendor"\n' "$source" \
    > "$CARGO_HOME/config.toml"
printf '[package]\nname = "empty"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n[profile.release]\npanic = "abort"\ncodegen-units = 1\n' \
    > "$work/empty/Cargo.toml"
(cd "$work/empty" && "$tree/usr/bin/cargo" build --quiet --offline --release -Zbuild-std=std,panic_abort --target $TARGET) \
    >&2 || fail "the standard library did not build" "the compiler's message is above"
rlibs=$tree/usr/lib/rustlib/$TARGET/lib
mkdir -p "$rlibs"
find "$work/target/$TARGET/release" -name '*.rlib' ! -name 'libempty*' -exec cp {} "$rlibs/" \;

# Only what compiles a codec stays.
rm -rf "${tree:?}/usr/src" "${tree:?}/usr/share" "$tree/usr/lib/rustlib/src" "$tree/usr/bin/cargo" "$tree/usr/bin/rustdoc"
find "$tree/usr/lib/rustlib" \( -name '*.rlib' -o -name '*.rmeta' \) ! -path "*/$TARGET/*" -delete

works "$tree" || fail "the toolchain was built but compiles nothing" "the compiler's message is above"
"$tree/usr/bin/rustc" --version > "$tree/complete"
[ ! -e "$final" ] || mv "$final" "$work/before"
mv "$tree" "$final"
say "done: $(cat "$final/complete") in $final"
