#!/usr/bin/env bash
# Trains the built-in model again, from nothing: crates/awing-models/research/landmarks/train.sh DATA, where DATA/train/300w and DATA/val/300w hold the
# faces. An interrupted run goes on when it is called again. The result comes to runs/builtin.
set -euo pipefail
data=${1:?the folder of the data is missing, with train/300w and val/300w in it}
here=$(dirname "$0")
cargo build --release --locked --package awing-cli
awing() { "${CARGO_TARGET_DIR:-target}/release/awing" "$@"; }
# One run: its name, then the settings it starts with. A run that has ended is over at once when it is resumed.
run() {
    local name=$1 && shift
    if [ -d "runs/train/$name/last" ] || [ -d "runs/train/$name/last.old" ]; then
        set -- --resume
    fi
    awing train --data "300w:$data/train/300w" --val "300w:$data/val/300w" --name "$name" "$@"
}
run builtin-128 --config "$here/recipe.toml"
run builtin-192 --config "$here/finetune.toml" --from runs/train/builtin-128/best
[ -d runs/builtin ] || awing export --model runs/train/builtin-192/best --weights f16 --card "$here/README.md" --out runs/builtin
