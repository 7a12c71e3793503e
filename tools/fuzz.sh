#!/bin/sh
# Runs every fuzz target from its kept corpus for some seconds each: fuzz.sh BUILD SECONDS
set -eu
build=$1
seconds=$2
for target in npy npz pt pickle safetensors shards gguf fasta alignment structure policy model run checkpoint weights profile sheet study smiles xyz; do
    work=$(mktemp -d)
    longest=4096
    [ "$target" = study ] && longest=16384 # a task with its pictures
    [ "$target" = weights ] && longest=32768 # all names of a model
    echo "fuzz $target: $seconds s"
    "$build/tests/fuzz_$target" -max_total_time="$seconds" -max_len="$longest" -rss_limit_mb=2048 -timeout=10 \
        -print_final_stats=0 -verbosity=0 -artifact_prefix="$work/" "$work" "tests/fuzz/corpus/$target" ||
        { echo "fuzz $target FAILED; the input is in $work" >&2; exit 1; }
    rm -rf "$work"
done
