#!/usr/bin/env bash
# Landmarks of the portrait in Node, by WebAssembly with 128-bit vectors, against the native answer: examples/wasm/run.sh. Needs Node, and
# `rustup target add wasm32-unknown-unknown` or, on Debian, the packages rustc-web, cargo-web, rust-web-src and lld-19.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
photo=docs/astronaut.jpg
box=(175 85 275 185)

build=(build --release --locked --package wasm-landmarks --lib --target wasm32-unknown-unknown)
flags="-C target-feature=+simd128"
if rustup target list --installed 2>/dev/null | grep -q wasm32-unknown-unknown; then
    RUSTFLAGS="$flags" cargo "${build[@]}"
else
    # The standard library is built along, once: Debian ships its source alone.
    RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc RUSTFLAGS="$flags -C linker=wasm-ld-19" CARGO_TARGET_DIR="$target/wasm" \
        /usr/bin/cargo "${build[@]}" -Z build-std=std,panic_abort
    target_of_wasm=$target/wasm
fi
native=$(mktemp)
trap 'rm -f "$native"' EXIT
cargo build --quiet --release --locked --package wasm-landmarks --bin wasm-landmarks --features threads
"$target/release/wasm-landmarks" "$photo" "${box[@]}" > "$native"
"$target/release/wasm-landmarks" "$photo" >> "$native"
wasm=${target_of_wasm:-$target}/wasm32-unknown-unknown/release/wasm_landmarks.wasm
echo "$(stat -c %s "$wasm") bytes with the weights, $(gzip -9 -c "$wasm" | wc -c) gzipped"
node examples/wasm/run.mjs "$wasm" "$photo" "$native" "${box[@]}"
