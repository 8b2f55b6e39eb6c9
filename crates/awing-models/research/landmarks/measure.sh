#!/usr/bin/env bash
# The figures of the built-in model and detector: crates/awing-models/research/landmarks/measure.sh DATA, where DATA/test holds 300w, wflw, wider_val and noface.
set -euo pipefail
data=${1:?the folder of the data is missing, with test/300w, test/wflw, test/wider_val and test/noface in it}
awing() { cargo run --quiet --release --locked --package awing-cli -- "$@"; }
for boxes in gt detector jittered; do
    awing eval --data "300w:$data/test/300w" --boxes $boxes
    awing eval --data "300w:$data/test/300w" --boxes $boxes --mirror
done
awing eval --data "wflw:$data/test/wflw"
awing detect --data "wider:$data/test/wider_val" "300w:$data/test/300w" "none:$data/test/noface" --detector builtin seetaface
# From photo to points: the built-in detector's boxes.
found=$(mktemp -d)
awing detect "$data/test/300w" > "$found/builtin.csv"
awing eval --data "300w:$data/test/300w" --boxes "$found/builtin.csv"
