# bash completion for mote
_mote() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options=""
    local formats="fp32 bf16 fp16 mxfp8_e4m3 mxfp8_e5m2 mxfp6_e3m2 mxfp6_e2m3 mxfp4_e2m1 mxint8 nvfp4"
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "info cast inspect train eval study fold plan report bench help --help --version" -- "$word")
        return
    fi
    case "$before" in
        --format|--to) mapfile -t COMPREPLY < <(compgen -W "$formats all" -- "$word"); return ;;
        --profile) mapfile -t COMPREPLY < <(compgen -W "epyc-9654 h200 mx-paper raspberry-pi-5 ryzen-7840u" -- "$word"; compgen -f -- "$word"); return ;;
        --rounding) mapfile -t COMPREPLY < <(compgen -W "nearest_even nearest_away toward_zero stochastic" -- "$word"); return ;;
        --scale-rule) mapfile -t COMPREPLY < <(compgen -W "floor even ceil" -- "$word"); return ;;
    esac
    case "${COMP_WORDS[1]}" in
        info) options="--energy --json" ;;
        cast) options="--format --to --axis --rounding --scale-rule --seed --include --exclude --json" ;;
        inspect) options="--json" ;;
        bench) options="quantize matmul attention train --format --threads --size --runs --json" ;;
        train|plan) options="--vocabulary --validation --split --one-strand --model --layers --width --heads --context --dropout --policy --steps --batch
            --accumulation --rate --schedule --warmup --minimum-rate --optimizer --beta1 --beta2 --weight-decay --clip --average --seed --memory --threads
            --out --resume --evaluate-every --evaluate-batches --checkpoint-every --keep --profile --idle --json" ;;
        study) options="--out --policies --seeds --quick --resume --data --jobs --profile --threads --list --json"
            [[ $word == -* ]] || { mapfile -t COMPREPLY < <(compgen -W "$(mote study --list 2>/dev/null | cut -d' ' -f1)" -- "$word"; compgen -f -- "$word"); return; } ;;
        fold) options="--weights --out --plan --policy --pairs --max-msa --recycles --tolerance --seed --seeds --memory --threads --json" ;;
        eval) options="--policy --context --stride --batch --limit --threads --json" ;;
        report) options="--output" ;;
        help) options="info cast inspect train eval study fold plan report bench" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$word"; compgen -f -- "$word")
}
complete -o filenames -F _mote mote
