#!/bin/sh
# What Debian's own checker says of a package. What is left out, and why:
#   initial-upload-closes-no-bugs, bad-distribution…: it is not uploaded to Debian
#   embedded-library: SQLite is linked in, so that the database is read by the same version everywhere
# Usage: packaging/lint-deb.sh FILE.deb
set -eu
lintian --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs,embedded-library "$1"
