#!/bin/sh
# Writes what a package holds besides files of the tree: config, manual and completions, made by the program itself.
# Usage: packaging/generate.sh PROGRAM FOLDER
set -eu
here=$(dirname "$0")
whmeter=$1
folder=$2

rm -rf "$folder"
mkdir -p "$folder/completions"
"$here/config.sh" "$whmeter" >"$folder/whmeter.toml"
"$whmeter" man --out "$folder/man"
"$whmeter" completions bash >"$folder/completions/whmeter"
"$whmeter" completions zsh >"$folder/completions/_whmeter"
"$whmeter" completions fish >"$folder/completions/whmeter.fish"
