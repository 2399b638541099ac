#!/bin/sh
# Builds the image whmeter:latest from dist/rootfs, by docker where it runs, else by buildah.
set -eu
cd "$(dirname "$0")/../.."
if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
    docker build --tag whmeter:latest --file packaging/container/Dockerfile .
else
    # In the format that knows of health checks.
    buildah bud --format docker --isolation chroot --tag whmeter:latest --file packaging/container/Dockerfile .
fi
