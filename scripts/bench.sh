#!/usr/bin/env bash
# Every figure that the documents quote, each beside its peer in the same run. Nothing is asserted: a shared machine is
# noisy, so read the ratios.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
title() { printf '\n== %s\n' "$*"; }

title "PSNR + SSIM of a 1080p pair against ffmpeg's two filters"
cargo bench --locked --quiet -p aiv1-quality
title "Sandboxed against native decode; GOP-parallel scaling"
AIV1_BIN=$AIV1 cargo bench --locked --quiet -p aiv1-tests --bench sandbox
title "Preview: H.264 and MP4 at 1080p"
cargo bench --locked --quiet -p aiv1-playback

title "A preview rebuilt from 10 s of 1080p: time and memory"
cargo bench --locked --quiet -p aiv1-regenerate-video
title "The store on AWS-compatible servers: requests and time of each operation"
cargo bench --locked --quiet -p aiv1-store-aws
title "The functions: size and cold start"
cargo bench --locked --quiet -p aiv1-tests --bench functions

title "Peak memory of a run: 10 s against 10 min"
work=$(mktemp -d "${AIV1_CACHE:?}/bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
"$AIV1" new-codec bench --folder "$work" >/dev/null
# Compiles the codec, so that no rustc is among the processes of the runs below.
"$AIV1" --quiet check "$work/bench.rs" >/dev/null
for seconds in 10 600; do
  clip=$work/$seconds.mp4
  ffmpeg -hide_banner -v error -y -f lavfi -i "testsrc2=size=320x180:rate=25" -t "$seconds" \
    -c:v libx264 -preset ultrafast -qp 10 -pix_fmt yuv420p "$clip"
  python3 - "$AIV1" "$work" "$clip" "$seconds" <<'PY'
import resource, subprocess, sys
aiv1, work, clip, seconds = sys.argv[1:]
subprocess.run([aiv1, "--quiet", "run", f"{work}/bench.rs", "--clip", clip, "--anchors", "none", "--out", f"{work}/runs"],
               check=True, stdout=subprocess.DEVNULL)
# Of the run and everything it started and waited for, the largest one: itself, or an ffmpeg.
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"{seconds:>4} s clip, 320x180: peak {peak:.0f} MiB (largest single process of the run)")
PY
done
