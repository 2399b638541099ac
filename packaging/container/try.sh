#!/usr/bin/env bash
# Tries what is in the image: its root as a root of its own, as its user, in a network of its own where a simulated panel
# and a name server answer. Where an engine can build the image, that is done too. Needs root and python3.
# Usage: packaging/container/try.sh SIMULATE   (after packaging/container/rootfs.sh)
set -euo pipefail
cd "$(dirname "$0")/../.."
simulate=$(realpath "$1")

if [ "${2:-}" != inside ]; then
    # Loopback only, and whatever was started ends with it.
    unshare --net --mount --pid --mount-proc --fork --kill-child "$0" "$1" inside
    packaging/container/build.sh
    exit
fi

step() { echo "try: $*"; }
fail() { echo "try: FAILED: $*"; exit 1; }
ip link set lo up
root=$(mktemp -d "$PWD/dist/try.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
cp -a dist/rootfs/. "$root"
cp -a dist/state/. "$root/var/lib/"
chmod 0755 "$root"
chown 65532:65532 "$root/var/lib/whmeter"
whmeter() {
    WHMETER_CONFIG=/etc/whmeter/whmeter.toml chroot --userspec=65532:65532 --groups= "$root" /whmeter "$@"
}

# What an engine mounts: devices (linked with glibc random numbers are read from two), and whom names are asked of: names are asked of this machine, and nothing else knows: the certificate of the panel is for localhost.
mkdir "$root/dev"
mknod -m 0666 "$root/dev/null" c 1 3
mknod -m 0444 "$root/dev/random" c 1 8
mknod -m 0444 "$root/dev/urandom" c 1 9
echo "nameserver 127.0.0.1" >"$root/etc/resolv.conf"
python3 -u packaging/container/names.py localhost >"$root/names.log" &
"$simulate" minio --accounts 5 --listen 127.0.0.1:19000 --tls-dir "$root/tls" >"$root/panel.log" &
for _ in $(seq 100); do grep -q url "$root/panel.log" && grep -q ready "$root/names.log" && break; sleep 0.1; done
# A public authority has not signed the panel's certificate: ours is put beside those of the image.
cat "$root"/tls/*.pem >>"$root/etc/ssl/certs/ca-certificates.crt"
cat >"$root/etc/whmeter/whmeter.toml" <<END
[whmcs]
timezone = "Europe/Warsaw"

[store]
url = "sqlite:/var/lib/whmeter/whmeter.db"

[http]
listen = "0.0.0.0:9480"

[[http.token]]
name = "operators"
scope = ["read", "admin"]
token_file = "operators.token"

[[backend]]
kind = "minio"
name = "s3-fra1"
whmcs_server = 12
every = "1h"
url = "https://localhost:19000"
access_key = "rootuser"
secret_file = "minio.secret"
END
printf rootsecret123 >"$root/etc/whmeter/minio.secret"
printf 0123456789abcdef0123 >"$root/etc/whmeter/operators.token"
chown 65532:65532 "$root"/etc/whmeter/*
chmod 0400 "$root"/etc/whmeter/*

step "it is alone"
! ldd "$root/whmeter" >/dev/null 2>&1 || ldd "$root/whmeter" | grep -q 'statically linked' || fail "it needs libraries: $(ldd "$root/whmeter")"
step "a name is asked of the name server, and the panel's certificate held against the authorities of the image"
whmeter check
step "not healthy while it is not there"
whmeter health 2>/dev/null && fail "nothing runs, and it is healthy"
step "serve"
WHMETER_CONFIG=/etc/whmeter/whmeter.toml chroot --userspec=65532:65532 --groups= "$root" /whmeter serve &
daemon=$!
for _ in $(seq 50); do whmeter health >/dev/null 2>&1 && break; sleep 0.1; done
whmeter health
whmeter poll
whmeter usage
[ "$(whmeter usage --json | grep -c '"meter": "storage"')" = 5 ] || fail "not five accounts"
whmeter backup /var/lib/whmeter/copy.db
kill -TERM "$daemon"
wait "$daemon" || fail "it ends with $?"
echo "try: done"
