#!/bin/sh
# Each public header compiles alone, as C and as C++, with warnings as errors.
set -eu
for header in include/mote/*.h; do
    name=${header#include/}
    for language in c c++; do
        standard=$([ $language = c ] && echo c17 || echo c++17)
        echo "#include \"$name\"" | ${CC:-cc} -x $language -std=$standard -Wall -Wextra -Wpedantic -Werror -Iinclude \
            -fsyntax-only - || { echo "$header does not compile alone as $language" >&2; exit 1; }
    done
done
echo "public headers compile alone as C17 and C++17"
