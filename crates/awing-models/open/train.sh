#!/usr/bin/env bash
# Makes the open weights again, from nothing: crates/awing-models/open/train.sh HEAD, where HEAD is the folder of ICT-FaceKit's head
# (crates/awing-render/README.md says in which form). An interrupted run goes on when it is called again. The results come to runs/builtin-open and
# runs/builtin-open-detector. Faces and photos that are learnt from: all rendered, by the seeds below.
set -euo pipefail
head=${1:?the folder of the head is missing, with face_model.safetensors and face_model.json in it}
here=$(dirname "$0")
cargo build --release --locked --package awing-cli
awing() { "${CARGO_TARGET_DIR:-target}/release/awing" "$@"; }

# One set: its name, how many, the seed, pixels, the format. A set whose rendering was cut off is made anew.
rendered=runs/rendered
render() {
    [ -e "$rendered/$1.done" ] && return
    rm -rf "${rendered:?}/$1"
    mkdir -p "$rendered"
    awing data render --head "$head" --count "$2" --seed "$3" --size "$4" --to "$5:$rendered/$1"
    touch "$rendered/$1.done"
}
render train 20000 1 256 csv
render val 400 2 256 csv
render empty-train 1500 4 512 none
render empty-val 100 5 512 none

# One run: the verb, its name, then the settings it starts with. A run that has ended is over at once when it is resumed.
run() {
    local verb=$1 folder=$2 name=$3 && shift 3
    if [ -d "runs/$folder/$name/last" ] || [ -d "runs/$folder/$name/last.old" ]; then
        set -- --resume
    fi
    awing "$verb" --scheme 300w-68 --data "csv:$rendered/train" --name "$name" "${sources[@]}" "$@"
}
sources=(--val "csv:$rendered/val")
run train train open --config "$here/landmarks/recipe.toml"
sources=(--backgrounds "$rendered/empty-train" --val "csv:$rendered/val" "none:$rendered/empty-val")
run train-detector detector open --config "$here/detector/recipe.toml"
run train-detector detector open-2 --from runs/detector/open/best --config "$here/detector/continue.toml"

[ -d runs/builtin-open ] || awing export --model runs/train/open/best --weights f16 --card "$here/landmarks/README.md" --out runs/builtin-open
[ -d runs/builtin-open-detector ] ||
    awing export --model runs/detector/open-2/best --weights f16 --card "$here/detector/README.md" --out runs/builtin-open-detector
