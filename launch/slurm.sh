#!/usr/bin/env bash
# Submit a run to SLURM: one process for each GPU of each node.
#
#   launch/slurm.sh --config=configs/X.py --workdir=DIR [--nodes=1] [--gpus=8] [--time=24:00:00]
#                   [--partition=NAME] [--account=NAME] [--cpus=4] [--tries=20] [--dry-run] [-- FLAGS]
#
# DIR lies on a file system that all nodes share. A job that is preempted, or whose time is up, is
# put into the queue again and goes on from its last checkpoint; FLAGS are those of gapjax.main.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=launch/common.sh
. launch/common.sh

config="" workdir="" nodes=1 gpus=8 time=24:00:00 partition="" account="" cpus=4 tries=20
while [ $# -gt 0 ]; do
    case $1 in
        --config=*) config=$(value "$1") ;;
        --workdir=*) workdir=$(value "$1") ;;
        --nodes=*) nodes=$(value "$1"); whole --nodes "$nodes" ;;
        --gpus=*) gpus=$(value "$1"); whole --gpus "$gpus" ;;
        --time=*) time=$(value "$1") ;;
        --partition=*) partition=$(value "$1") ;;
        --account=*) account=$(value "$1") ;;
        --cpus=*) cpus=$(value "$1"); whole --cpus "$cpus" ;;
        --tries=*) tries=$(value "$1"); whole --tries "$tries" ;;
        --dry-run) DRY_RUN=true ;;
        --) shift; break ;;
        *) die "unknown argument $1 (its first lines say which there are)" ;;
    esac
    shift
done
check_run "$config" "$workdir"
need sbatch "submit from a login node of the cluster"

options=(--job-name="gapjax-$(basename "$workdir")" --nodes="$nodes" --time="$time"
    --ntasks-per-node="$gpus" --gpus-per-node="$gpus" --cpus-per-task="$cpus"
    --requeue --open-mode=append --signal=B:TERM@120 --output="$workdir/slurm.log"
    --export="ALL,GAPJAX_TRIES=$tries")
[ -z "$partition" ] || options+=(--partition="$partition")
[ -z "$account" ] || options+=(--account="$account")
run mkdir -p "$workdir"
run sbatch "${options[@]}" launch/slurm_job.sh --config="$config" --workdir="$workdir" "$@"
