#!/usr/bin/env bash
# The figures of the open model and detector: crates/awing-models/open/measure.sh DATA, where DATA/test holds 300w, wflw, wider_val and noface, and
# DATA/train holds frl. None of these photos taught or chose anything of it.
set -euo pipefail
data=${1:?the folder of the data is missing, with test/300w, test/wflw, test/wider_val, test/noface and train/frl in it}
awing() { cargo run --quiet --release --locked --package awing-cli -- "$@"; }
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
eval_open() { awing eval --model builtin-open "$@"; }

eval_open --data "csv:$data/train/frl/ibug68.csv" --scheme 300w-68
# With the error of each line of points: all = (17 jaw + 51 inner) / 68.
eval_open --data "300w:$data/test/300w" --boxes gt --out "$found/gt"
eval_open --data "300w:$data/test/300w" --boxes detector
eval_open --data "wflw:$data/test/wflw"
# From photo to points: its own detector's boxes.
awing detect "$data/test/300w" --detector builtin-open > "$found/open.csv"
eval_open --data "300w:$data/test/300w" --boxes "$found/open.csv"
awing detect --data "wider:$data/test/wider_val" "300w:$data/test/300w" "none:$data/test/noface" --detector builtin-open builtin seetaface
