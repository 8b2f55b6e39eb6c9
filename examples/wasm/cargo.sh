#!/usr/bin/env bash
# Cargo for WebAssembly with 128-bit vectors, into target/wasm: examples/wasm/cargo.sh build -p awing --no-default-features. Needs
# `rustup target add wasm32-unknown-unknown` or, on Debian, the packages rustc-web, cargo-web, rust-web-src and lld-19.
set -euo pipefail
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/wasm
export RUSTFLAGS="-C target-feature=+simd128"
if rustup target list --installed 2>/dev/null | grep -q wasm32-unknown-unknown; then
    exec cargo "$@" --target wasm32-unknown-unknown
fi
# The standard library is built along, once: Debian ships its source alone.
export RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc RUSTFLAGS="$RUSTFLAGS -C linker=wasm-ld-19"
exec /usr/bin/cargo "$@" --target wasm32-unknown-unknown -Z build-std=std,panic_abort
