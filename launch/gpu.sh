#!/usr/bin/env bash
# A machine with NVIDIA GPUs, on which this is called: launch/gpu.sh install | run [flags].
#
#   launch/gpu.sh install
#   launch/gpu.sh run --config=configs/X.py --workdir=DIR [--gpus=0,1] [--tries=10] [-- FLAGS]
#
# `run` repeats a run that is killed; FLAGS are those of gapjax.main. All GPUs are used by default.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=launch/common.sh
. launch/common.sh

python=${PYTHON:-python3} config="" workdir="" gpus="" tries=10
action=${1:-}
[ "$action" = install ] || [ "$action" = run ] || die "unknown action '$action' (install or run)"
shift
while [ $# -gt 0 ]; do
    case $1 in
        --config=*) config=$(value "$1") ;;
        --workdir=*) workdir=$(value "$1") ;;
        --gpus=*) gpus=$(value "$1") ;;
        --tries=*) tries=$(value "$1"); whole --tries "$tries" ;;
        --dry-run) DRY_RUN=true ;;
        --) shift; break ;;
        *) die "unknown argument $1 (there are: --config, --workdir, --gpus, --tries, --dry-run, --)" ;;
    esac
    shift
done

if [ "$action" = install ]; then
    run "$python" -m venv .venv
    run .venv/bin/python -m pip install --quiet -e '.[cuda]'
    exit 0
fi
check_run "$config" "$workdir"
[[ -z $gpus || $gpus =~ ^[0-9]+(,[0-9]+)*$ ]] || die "--gpus=$gpus: write numbers, as in 0,1"
[ ! -x .venv/bin/python ] || [ -n "${PYTHON:-}" ] || python=.venv/bin/python
command=("$python" -m gapjax.main --config="$config" --workdir="$workdir" "$@")
[ -z "$gpus" ] || command=(env CUDA_VISIBLE_DEVICES="$gpus" "${command[@]}")
run bash launch/until_done.sh --tries="$tries" -- "${command[@]}"
