#!/bin/sh
# Builds dist/static/whmeter, one file that needs no library of its machine: with musl where Rust has that target, else
# with glibc linked in. Both resolve names by /etc/hosts and DNS alone (no LDAP, no mDNS).
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

machine=$(uname -m)
target=$machine-unknown-linux-musl
if ! [ -d "$(rustc --print target-libdir --target "$target")" ] || ! command -v musl-gcc >/dev/null; then
    target=$machine-unknown-linux-gnu
    # By a target of its own: else what runs while building would be linked so, too, and macros cannot be.
    export RUSTFLAGS="-C target-feature=+crt-static"
fi
"$cargo" build --locked --release --bin whmeter --target "$target"
mkdir -p dist/static
cp "${CARGO_TARGET_DIR:-target}/$target/release/whmeter" dist/static/whmeter
echo "dist/static/whmeter: $target"
