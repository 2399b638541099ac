#!/bin/sh
# What Debian's own checker says of a package. What is left out, and why:
#   initial-upload-closes-no-bugs   it is not uploaded to Debian
#   non-standard-file-perm          the config may hold secrets: 0640
#   embedded-library                SQLite is linked in, so that one version reads a database everywhere
# Usage: packaging/lint-deb.sh FILE.deb
set -eu
lintian --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs,non-standard-file-perm,embedded-library "$1"
