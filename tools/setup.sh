#!/bin/sh
# Installs the Debian packages that a step needs, or says which command would: setup.sh build|test|bench|ci
set -eu

build="gcc libc6-dev make cmake pkg-config libjansson-dev libxxhash-dev libzip-dev libhts-dev libsundials-dev libcmocka-dev node-d3"
test="python3 python3-venv"
bench="libopenblas0-pthread libblis4-pthread libdnnl-dev"
ci="g++ clang clang-format libomp-dev libclang-rt-dev git"
case "${1:-build}" in
    build) wanted="$build" ;;
    test) wanted="$build $test" ;;
    bench) wanted="$build $bench" ;;
    ci) wanted="$build $test $ci" ;;
    *) echo "usage: setup.sh build|test|bench|ci" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "setup: not a Debian system; make sure that these are installed (Debian's names): $wanted" >&2
    exit 0
fi
missing=""
for package in $wanted; do
    if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
        missing="$missing $package"
    fi
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    echo "setup: packages are missing; please run:" >&2
    echo "    sudo apt-get update && sudo apt-get install$missing" >&2
    exit 1
fi
echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
$as_root apt-get install -y -q $missing >/dev/null 2>&1 ||
    { $as_root apt-get update -q >/dev/null && $as_root apt-get install -y -q $missing >/dev/null; }
