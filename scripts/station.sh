#!/usr/bin/env bash
# The transform codec over the whole clips folder, against the anchors of README's figures.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
clips=${AIV1_CLIPS:-$here/../../shared/clips}
arguments=()
for clip in "$clips"/*.mp4; do
  [ -f "$clip" ] || { printf 'station: no clips in %s; set AIV1_CLIPS\n' "$clips" >&2; exit 2; }
  arguments+=(--clip "$clip")
done
exec "$AIV1" run "$here/../codecs/transform.rs" "${arguments[@]}" \
  --anchors x264-ultrafast,x264-veryfast,x264-medium,x265-medium --out "${AIV1_RUNS:-aiv1-runs}" "$@"
