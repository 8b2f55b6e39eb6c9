#!/usr/bin/env bash
# Trains the built-in detector again, from nothing: crates/awing-models/research/detector/train.sh DATA, where DATA/train holds 300w, ytf, wider_val and
# noface and DATA/val 300w and noface. The result comes to runs/builtin-detector.
set -euo pipefail
data=${1:?the folder of the data is missing, with train/ and val/ in it}
here=$(dirname "$0")
cargo build --release --locked --package awing-cli
awing() { "${CARGO_TARGET_DIR:-target}/release/awing" "$@"; }
val=(--val "300w:$data/val/300w" "none:$data/val/noface")
photos=(--photos "wider:$data/train/wider_val" --backgrounds "$data/train/noface")
awing train-detector --data "300w:$data/train/300w" "${photos[@]}" "${val[@]}" --name detector-1
awing train-detector --from runs/detector/detector-1/best --config "$here/continue.toml" \
    --data "300w:$data/train/300w" "ytf:$data/train/ytf" "${photos[@]}" "${val[@]}" --name detector-2
awing export --model runs/detector/detector-2/last --weights f16 --card "$here/README.md" --out runs/builtin-detector
