#!/usr/bin/env bash
# The inside of try-deb.sh. Its last line is "try: done" where everything was as it should be.
set -euo pipefail

step() { echo "try: $*"; }
fail() { echo "try: FAILED: $*"; exit 1; }
is() { # what found expected
    [ "$2" = "$3" ] || fail "$1 is $2, expected $3"
}
as_whmeter() { runuser -u whmeter -- "$@"; }
healthy() {
    for _ in $(seq 50); do
        as_whmeter whmeter health >/dev/null 2>&1 && return
        sleep 0.2
    done
    systemctl status --no-pager whmeter || true
    journalctl -u whmeter --no-pager | tail -20 || true
    fail "it is not healthy"
}

step "install"
dpkg -i /try/old.deb
is "the config" "$(stat -c '%a %U:%G' /etc/whmeter/whmeter.toml)" "640 root:whmeter"
is "the folder of the config" "$(stat -c '%a %U:%G' /etc/whmeter)" "750 root:whmeter"
is "the state" "$(stat -c '%a %U:%G' /var/lib/whmeter)" "700 whmeter:whmeter"
is "the unit" "$(systemctl is-enabled whmeter || true)" "disabled"
is "the daemon" "$(systemctl is-active whmeter || true)" "inactive"
[ -s /usr/share/man/man1/whmeter.1.gz ] || fail "no manual"
for file in alerts/whmeter.rules.yml dashboards/overview.json whmcs/modules/servers/whmeter/whmeter.php whmcs/includes/hooks/whmeter.php; do
    [ -s "/usr/share/whmeter/$file" ] || fail "/usr/share/whmeter/$file is missing"
done

step "the config as it comes says what it lacks"
said=$(as_whmeter whmeter check 2>&1) && fail "a config without a zone is taken"
case $said in *timezone*) ;; *) fail "it says: $said" ;; esac

step "configure"
sed -i 's/^# timezone = /timezone = /' /etc/whmeter/whmeter.toml
/try/simulators minio --accounts 5 --listen 127.0.0.1:19000 >/try/panel.log 2>&1 &
panel=$!
printf rootsecret123 >/etc/whmeter/minio.secret
chown root:whmeter /etc/whmeter/minio.secret
chmod 0640 /etc/whmeter/minio.secret
cat >>/etc/whmeter/whmeter.toml <<END

[[backend]]
kind = "minio"
name = "s3-fra1"
whmcs_server = 12
every = "1h"
url = "http://127.0.0.1:19000"
access_key = "rootuser"
secret_file = "minio.secret"
END
for _ in $(seq 50); do grep -q url /try/panel.log && break; sleep 0.1; done
as_whmeter whmeter check

step "start"
systemctl enable --now whmeter
healthy
as_whmeter whmeter poll
as_whmeter whmeter usage
is "accounts" "$(as_whmeter whmeter usage --json | grep -c '"meter": "storage"')" 5
systemctl reload whmeter
sleep 1
is "the daemon after a reload" "$(systemctl is-active whmeter)" active
healthy
is "the database" "$(stat -c '%a %U:%G' /var/lib/whmeter/whmeter.db)" "600 whmeter:whmeter"
systemd-analyze security --no-pager whmeter | tail -1
as_whmeter whmeter backup /var/lib/whmeter/copy.db
journalctl -u whmeter --no-pager -p warning | grep -v '^-- ' || true

step "upgrade"
config=$(sha256sum /etc/whmeter/whmeter.toml)
before=$(systemctl show -p MainPID --value whmeter)
dpkg -i /try/new.deb
healthy
[ "$(systemctl show -p MainPID --value whmeter)" != "$before" ] || fail "the old program still runs"
is "the config after an upgrade" "$(sha256sum /etc/whmeter/whmeter.toml)" "$config"
is "accounts after an upgrade" "$(as_whmeter whmeter usage --json | grep -c '"meter": "storage"')" 5
as_whmeter whmeter verify

step "remove"
dpkg -r whmeter
[ -e /usr/bin/whmeter ] && fail "the program stays"
pgrep -x whmeter >/dev/null && fail "the daemon runs on"
is "the config after removal" "$(sha256sum /etc/whmeter/whmeter.toml)" "$config"
[ -s /var/lib/whmeter/whmeter.db ] || fail "the numbers are gone"

step "install again"
dpkg -i /try/new.deb
is "the config after it came back" "$(sha256sum /etc/whmeter/whmeter.toml)" "$config"
systemctl start whmeter
healthy
is "accounts after it came back" "$(as_whmeter whmeter usage --json | grep -c '"meter": "storage"')" 5

step "purge"
dpkg -P whmeter
[ -e /etc/whmeter ] && fail "the config stays"
[ -e /var/lib/whmeter ] && fail "the state stays"
systemctl cat whmeter >/dev/null 2>&1 && fail "the unit stays"
kill "$panel"
echo "try: done"
