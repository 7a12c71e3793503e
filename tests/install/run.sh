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
for name in quantize learn_lorenz96; do
    # shellcheck disable=SC2046
    cc -std=c17 "$here/../../examples/$name.c" $(pkg-config --cflags --libs mote) -lm -o "$prefix/$name"
    LD_LIBRARY_PATH="$libraries" "$prefix/$name"
done

cmake -S "$here" -B "$prefix/consumer" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$prefix/consumer" >/dev/null
for name in quantize learn_lorenz96; do
    "$prefix/consumer/${name}_static"
    LD_LIBRARY_PATH="$libraries" "$prefix/consumer/${name}_shared"
done

# what a wheel holds, where the tests' own Python can run it
python="$build/venv/bin/python"
if [ -x "$python" ]; then
    cmake --install "$build" --prefix "$prefix/python" --component python >/dev/null
    cp "$here"/../../python/mote/*.py "$prefix/python/mote/"
    for name in learn_pendulum train_genes; do
        (cd "$prefix" && env -u MOTE_LIBRARY PYTHONPATH="$prefix/python" "$python" "$here/../../examples/python/$name.py" "$prefix/genes")
    done
fi

"$prefix/bin/mote" --version
man -l "$prefix/share/man/man1/mote.1" >/dev/null 2>&1 || test -s "$prefix/share/man/man1/mote.1"
test -s "$prefix/share/bash-completion/completions/mote"
echo "installation works"
