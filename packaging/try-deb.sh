#!/usr/bin/env bash
# Tries a package on a Debian of its own that systemd has started: install, check, start, reload, upgrade, remove, install
# again, purge. Needs root, debootstrap and systemd-nspawn. The Debian is made once (dist/bookworm) and copied.
# Usage: packaging/try-deb.sh OLD.deb NEW.deb SIMULATORS   (NEW is the same with a later revision)
set -euo pipefail
cd "$(dirname "$0")/.."
old=$(realpath "$1") new=$(realpath "$2") simulators=$(realpath "$3")
suite=bookworm
base=$PWD/dist/$suite
# Where this machine has its packages from; debootstrap knows one where it is not found.
mirror=$(grep -rhoE '\bhttps?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -1 || true)

if ! [ -e "$base/.whole" ]; then
    mkdir -p "$(dirname "$base")"
    rm -rf --one-file-system "$base"
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,adduser,init-system-helpers,ca-certificates,procps \
        "$suite" "$base" ${mirror:+"${mirror% }"}
    touch "$base/.whole"
fi

root=$(mktemp -d "$PWD/dist/try.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
cp -a "$base/." "$root"
install -d "$root/try"
cp "$old" "$root/try/old.deb"
cp "$new" "$root/try/new.deb"
cp "$simulators" "$root/try/simulators"
install -m 0755 packaging/try-inside.sh "$root/try/inside.sh"
cat >"$root/etc/systemd/system/try.service" <<END
[Unit]
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=oneshot
Environment=HOME=/root DEBIAN_FRONTEND=noninteractive
ExecStart=/try/inside.sh
StandardOutput=append:/try/log
StandardError=append:/try/log
TimeoutStartSec=300
END
mkdir -p "$root/etc/systemd/system/default.target.wants"
ln -sf /etc/systemd/system/try.service "$root/etc/systemd/system/default.target.wants/try.service"

# Nothing outside is asked: the panel is a simulated one, inside.
timeout 400 systemd-nspawn -q -D "$root" -M "whmeter-try-$$" --register=no --keep-unit --private-network --boot \
    >"$PWD/dist/try-boot.log" 2>&1 || true
cat "$root/try/log" || { tail -20 "$PWD/dist/try-boot.log"; exit 1; }
[ "$(tail -1 "$root/try/log")" = "try: done" ]
