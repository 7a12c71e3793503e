#!/bin/sh
# Installs into an empty folder and builds programs against it through pkg-config and CMake: run.sh BUILD
set -eu
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "$build" --prefix "$prefix" --component library >/dev/null
cmake --install "$build" --prefix "$prefix" --component program >/dev/null

pkgconfig=$(dirname "$(find "$prefix" -name mote.pc)")
libraries=$(dirname "$(find "$prefix" -name libmote.so)")
export PKG_CONFIG_PATH="$pkgconfig"
# shellcheck disable=SC2046
cc -std=c17 "$here/../../examples/quantize.c" $(pkg-config --cflags --libs mote) -o "$prefix/shared"
LD_LIBRARY_PATH="$libraries" "$prefix/shared"

cmake -S "$here" -B "$prefix/consumer" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$prefix/consumer" >/dev/null
"$prefix/consumer/static"
LD_LIBRARY_PATH="$libraries" "$prefix/consumer/shared"

"$prefix/bin/mote" --version
man -l "$prefix/share/man/man1/mote.1" >/dev/null 2>&1 || test -s "$prefix/share/man/man1/mote.1"
test -s "$prefix/share/bash-completion/completions/mote"
echo "installation works"
