#!/bin/sh
# Prints the config that the package brings: what `whmeter sample-config` says before its panels, with the database where
# the unit may write, and with everything that has to be filled in as a comment.
# Usage: packaging/config.sh PROGRAM
set -eu
whmeter=$1

# Paragraphs up to the first panel. No zone is right for everybody, and the database keeps the one it is begun with.
"$whmeter" sample-config minio | awk '
    BEGIN { RS = ""; ORS = "\n\n" }
    /(^|\n)\[\[backend\]\]/ { exit }
    { print }
' | sed -e 's|"sqlite:whmeter.db" |"sqlite:/var/lib/whmeter/whmeter.db" |' \
    -e 's|^timezone = |# timezone = |' \
    -e '/^\[notify\.[a-z]*\]/,/^$/ { /^[^#]/ s/^/# / }'

cat <<END
# The panels: \`whmeter sample-config KIND\` prints a section to fill in, to be put here. Kinds:
$("$whmeter" sample-config | sed -n 's/^kind = "\(.*\)"$/#   \1/p')
# Then: \`runuser -u whmeter -- whmeter check\`.
END
