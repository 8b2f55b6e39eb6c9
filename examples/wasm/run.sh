#!/usr/bin/env bash
# Landmarks of the portrait in Node, by WebAssembly with 128-bit vectors, against the native answer: examples/wasm/run.sh. Needs Node, and
# what cargo.sh needs.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
photo=docs/astronaut.jpg
box=(175 85 275 185)

examples/wasm/cargo.sh build --release --locked --package wasm-landmarks --lib
native=$(mktemp)
trap 'rm -f "$native"' EXIT
cargo build --quiet --release --locked --package wasm-landmarks --bin wasm-landmarks --features threads
"$target/release/wasm-landmarks" "$photo" "${box[@]}" > "$native"
"$target/release/wasm-landmarks" "$photo" >> "$native"
wasm=$target/wasm/wasm32-unknown-unknown/release/wasm_landmarks.wasm
echo "$(stat -c %s "$wasm") bytes with the weights, $(gzip -9 -c "$wasm" | wc -c) gzipped"
node examples/wasm/run.mjs "$wasm" "$photo" "$native" "${box[@]}"
