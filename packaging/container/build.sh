#!/bin/sh
# Builds the image whmeter:latest from dist/rootfs, by docker where it runs, else by buildah.
set -eu
cd "$(dirname "$0")/../.."
if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
    docker build --tag whmeter:latest --file packaging/container/Dockerfile .
else
    # In the format that knows of health checks.
    buildah bud --format docker --isolation chroot --tag whmeter:latest --file packaging/container/Dockerfile .
    # Whether its user may write where its numbers go; an engine would say so at the first start only.
    container=$(buildah from whmeter:latest)
    owner=$(stat -c '%a %u:%g' "$(buildah mount "$container")/var/lib/whmeter")
    buildah rm "$container" >/dev/null
    [ "$owner" = "700 65532:65532" ] || { echo "/var/lib/whmeter of the image is $owner"; exit 1; }
fi
