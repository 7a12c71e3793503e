#!/bin/sh
# The shared library exports mote_* and nothing else: check_exports.sh LIBRARY
set -eu
names=$(nm --dynamic --defined-only "$1")
names=$(echo "$names" | awk '{print $3}')
echo "$names" | grep -qx mote_quantize || { echo "$1 does not export mote_quantize" >&2; exit 1; }
others=$(echo "$names" | grep -v '^mote_' || true)
[ -z "$others" ] || { echo "exported, but not mote_*: $others" >&2; exit 1; }
echo "$(echo "$names" | wc -l) names are exported, all of them mote_*"
