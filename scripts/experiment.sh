#!/usr/bin/env bash
# Experiments by hand: the starting codecs on real footage, a bundle each, one of them verified.
# Usage: experiment.sh [VIDEO]   (AIV1 names the built command)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
codecs=$here/../codecs
out=${AIV1_RUNS:-aiv1-runs}
clip=${1:-$("$here/fetch-sample.sh" "${AIV1_CACHE:?}/samples")}

"$AIV1" doctor
printf '\n'
"$AIV1" run "$codecs/transform.rs" "$codecs/procedural.rs" "$codecs/raw.rs" --clip "$clip" --out "$out"

transform=$("$AIV1" --json --quiet run "$codecs/transform.rs" --clip "$clip" --out "$out" |
  python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["bundle"])')
printf '\nVerifying %s: decoding and measuring everything again\n' "$transform"
"$AIV1" verify "$transform"

bundles=()
for bundle in "$out"/exp_*; do bundles+=("$bundle"); done
"$AIV1" --quiet compare "${bundles[@]}" --plot "$out/rate-distortion.svg" >/dev/null
stream=$(find "$transform/streams" -name 'q32.aiv1' | head -n 1)
"$AIV1" play "$stream" --out "$out/preview.mp4"

cat <<END

Where everything lies:
  bundles       $out/exp_*   (record.json, streams, modules, source, anchors, clip)
  verified      $transform
  RD plot       $out/rate-distortion.svg
  preview       $out/preview.mp4
  caches        $AIV1_CACHE
Next: $AIV1 new-codec mine && $AIV1 run mine.rs --clip $clip
END
