#!/bin/sh
# Lays out all that is in the image: in dist/rootfs the program, the certificates of public authorities and folders, in
# dist/state the folder that belongs to its user.
set -eu
cd "$(dirname "$0")/../.."
root=dist/rootfs

rm -rf "$root" dist/state
mkdir -p "$root/etc/ssl/certs" "$root/etc/whmeter" "$root/var/lib" "$root/tmp" dist/state/whmeter
chmod 0700 dist/state/whmeter
chmod 1777 "$root/tmp"
install -m 0755 dist/static/whmeter "$root/whmeter"
# Mozilla's list as Debian has it, without what this machine trusts besides.
cat /usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
chmod 0644 "$root/etc/ssl/certs/ca-certificates.crt"
echo "hosts: files dns" >"$root/etc/nsswitch.conf"
# The audit names who did what.
echo "whmeter:x:65532:65532:whmeter:/var/lib/whmeter:/nologin" >"$root/etc/passwd"
echo "whmeter:x:65532:" >"$root/etc/group"
