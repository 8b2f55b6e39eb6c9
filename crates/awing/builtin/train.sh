#!/usr/bin/env bash
# Trains the built-in model again, from nothing: crates/awing/builtin/train.sh DATA, where DATA/train/300w and DATA/val/300w hold the
# faces. An interrupted run goes on when it is called again. The result comes to runs/builtin.
set -euo pipefail
data=${1:?the folder of the data is missing, with train/300w and val/300w in it}
here=$(dirname "$0")
awing() { cargo run --quiet --release --locked --package awing-cli -- "$@"; }
faces=(--data "300w:$data/train/300w" --val "300w:$data/val/300w" --name builtin)
if [ -d runs/train/builtin/last ]; then
    awing train "${faces[@]}" --resume
else
    awing train "${faces[@]}" --config "$here/recipe.toml"
fi
awing export --model runs/train/builtin/best --weights f16 --card "$here/README.md" --out runs/builtin
