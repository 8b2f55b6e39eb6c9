#!/usr/bin/env bash
# The figures of the built-in model: crates/awing/builtin/measure.sh DATA, where DATA/test/300w and DATA/test/wflw hold the faces.
set -euo pipefail
data=${1:?the folder of the data is missing, with test/300w and test/wflw in it}
awing() { cargo run --quiet --release --locked --package awing-cli -- "$@"; }
for boxes in gt detector jittered; do
    awing eval --data "300w:$data/test/300w" --boxes $boxes
    awing eval --data "300w:$data/test/300w" --boxes $boxes --mirror
done
awing eval --data "wflw:$data/test/wflw"
