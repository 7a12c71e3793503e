#!/usr/bin/env python3
"""Holds the source to the house: a room may include rooms below it, never one above (ARCHITECTURE.md).

Also: the program and the examples see public headers only, and ref/ sees nothing of src/.
"""

import re
import subprocess
import sys
from pathlib import Path

FLOOR = {"base": 0, "cpu": 0, "formats": 1, "kernels": 2, "graph": 3, "io": 3.5, "energy": 3.6, "dist": 3.5, "data": 3.7, "fold": 3.8, "ops": 4, "models": 5,
         "train": 6, "quant": 6, "infer": 6, "study": 7, "tune": 7, "report": 7}
PUBLIC_ONLY = ("cli/", "examples/", "ref/")


def room(path):
    parts = path.split("/")
    return parts[0] if parts[0] != "src" else parts[1]


def problems(path):
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not found:
            continue
        target = found.group(1)
        first = target.split("/")[0]
        if path.startswith("include/") and first != "mote":
            yield number, f"public header includes private {target}"
        elif path.startswith(PUBLIC_ONLY) and first in FLOOR:
            yield number, f"{room(path)} may only include public headers, not {target}"
        elif path.startswith("src/") and first in FLOOR and FLOOR[first] > FLOOR[room(path)]:
            yield number, f"floor {FLOOR[room(path)]} ({room(path)}) includes {target} of floor {FLOOR[first]}"
        elif path.startswith("src/") and first in FLOOR and FLOOR[first] == FLOOR[room(path)] and first != room(path):
            if {first, room(path)} != {"base", "cpu"}:
                yield number, f"neighbours {room(path)} and {first} must not know each other: {target}"


files = subprocess.run(["git", "ls-files", "*.c", "*.h", "*.inc"], capture_output=True, text=True, check=True).stdout.split()
bad = [(f, n, text) for f in files for n, text in problems(f)]
for f, n, text in bad:
    print(f"{f}:{n}: {text}")
print(f"include directions: {len(files)} files, {len(bad)} wrong")
sys.exit(bool(bad))
