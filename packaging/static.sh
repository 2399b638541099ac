#!/bin/sh
# Builds dist/static/whmeter, one file that needs no library of its machine: with musl where Rust has that target, else
# with glibc linked in. Both resolve names by /etc/hosts and DNS alone (no LDAP, no mDNS).
# PROFILE=dev for a try that is quicker to build.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
profile=${PROFILE:-release}
built=${CARGO_TARGET_DIR:-target}
case $profile in dev) folder=debug ;; *) folder=$profile ;; esac

mkdir -p dist/static
machine=$(uname -m)
musl=$machine-unknown-linux-musl
if [ -d "$(rustc --print target-libdir --target "$musl")" ] && command -v musl-gcc >/dev/null; then
    "$cargo" build --locked --profile "$profile" --bin whmeter --target "$musl"
    cp "$built/$musl/$folder/whmeter" dist/static/whmeter
    libc=musl
else
    # Of the program alone: its libraries are linked in either way, and what runs while building must not be static.
    "$cargo" rustc --locked --profile "$profile" --bin whmeter -- -C target-feature=+crt-static
    cp "$built/$folder/whmeter" dist/static/whmeter
    libc=glibc
fi
echo "dist/static/whmeter: static, with $libc"
