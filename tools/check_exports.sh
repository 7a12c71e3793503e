#!/bin/sh
# The shared library exports mote_* and nothing else: check_exports.sh LIBRARY
set -eu
others=$(nm --dynamic --defined-only "$1" | awk '{print $3}' | grep -v '^mote_' || true)
[ -z "$others" ] || { echo "exported, but not mote_*: $others" >&2; exit 1; }
echo "$(nm --dynamic --defined-only "$1" | wc -l) names are exported, all of them mote_*"
