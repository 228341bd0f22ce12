#!/usr/bin/env bash
# Cloud TPU VMs: launch/tpu.sh ACTION --name=NAME --zone=ZONE [flags]; launch/README.md is its page.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=launch/common.sh
. launch/common.sh

actions="create install upload download run status watch fetch delete"
flags="--name --zone --type --version --project --bucket --data --config --workdir --spot --tries
--poll --dry-run, and after -- those of gapjax.main"
name="" zone="" type=v5litepod-8 version="" project="" bucket="" data="" config="" workdir=""
spot=false tries=20 poll=60

action=${1:-}
[ -n "$action" ] || die "no action (there are: $actions)"
case " $actions " in
    *" $action "*) ;;
    *) die "unknown action '$action' (there are: $actions)" ;;
esac
shift
given=("$@")
while [ $# -gt 0 ]; do
    case $1 in
        --name=*) name=$(value "$1") ;;
        --zone=*) zone=$(value "$1") ;;
        --type=*) type=$(value "$1") ;;
        --version=*) version=$(value "$1") ;;
        --project=*) project=$(value "$1") ;;
        --bucket=*) bucket=$(value "$1") ;;
        --data=*) data=$(value "$1") ;;
        --config=*) config=$(value "$1") ;;
        --workdir=*) workdir=$(value "$1") ;;
        --spot) spot=true ;;
        --tries=*) tries=$(value "$1"); whole --tries "$tries" ;;
        --poll=*) poll=$(value "$1"); whole --poll "$poll" ;;
        --dry-run) DRY_RUN=true ;;
        --) shift; break ;;
        *) die "unknown argument $1 (there are: ${flags//$'\n'/ })" ;;
    esac
    shift
done
extra=("$@")

asked() { # flag, its value: every action says which flags it needs
    [ -n "$2" ] || die "$action needs $1=..."
}
[ "$action" = upload ] || [ "$action" = fetch ] || { asked --name "$name"; asked --zone "$zone"; }
[[ -z $bucket || $bucket == gs://?* ]] || die "--bucket=$bucket should begin with gs://"
[[ $workdir != /* && $workdir != *..* ]] || die "--workdir=$workdir is a path within the bucket"
bucket=${bucket%/}
need gcloud "https://cloud.google.com/sdk/docs/install"

where=(--zone="$zone")
[ -z "$project" ] || where+=(--project="$project")

tpu() { run gcloud compute tpus tpu-vm "$@" "${where[@]}"; }
on_all() { tpu ssh "$name" --worker=all --command="$1"; }

# The system image that Google names for a type of accelerator.
image() {
    case $type in
        v5litepod-*) echo v2-alpha-tpuv5-lite ;;
        v5p-*) echo v2-alpha-tpuv5 ;;
        v6e-*) echo v2-alpha-tpuv6e ;;
        v4-* | v3-* | v2-*) echo tpu-ubuntu2204-base ;;
        *) die "--type=$type: which image it needs is not known; give --version=..." ;;
    esac
}

create() {
    [ -n "$version" ] || version=$(image)
    local options=(--accelerator-type="$type" --version="$version")
    "$spot" && options+=(--spot)
    tpu create "$name" "${options[@]}"
}

# A folder of the bucket with fewer entries than this may be renamed. By default gcsfuse renames
# none that is not empty ("Too many open files"), but Orbax ends every checkpoint by giving its
# folder the final name, and gapjax puts damaged ones aside. A checkpoint has some 30 entries.
entries=10000

# The committed files, a virtual environment with libtpu, and the bucket as a folder.
install() {
    asked --bucket "$bucket"
    # A clone and no mere archive: environment.json names the commit that a run is of.
    local clone=/tmp/gapjax.$$
    run git -c advice.detachedHead=false clone --quiet --no-local --depth=1 . "$clone"
    run tar czf "$clone.tar.gz" -C "$clone" .
    tpu scp "$clone.tar.gz" "$name:gapjax.tar.gz" --worker=all
    run rm -rf "$clone" "$clone.tar.gz"
    # Google's images have Python 3.10; gapjax needs 3.11.
    on_all "set -e; mkdir -p gapjax bucket; tar xzf gapjax.tar.gz -C gapjax; cd gapjax; \
command -v python3.11 >/dev/null || { sudo apt-get update -q; \
sudo apt-get install -q -y python3.11 python3.11-venv; }; \
python3.11 -m venv .venv; .venv/bin/pip install --quiet -e '.[tpu]'"
    on_all "set -e; command -v gcsfuse >/dev/null || { sudo apt-get update -q; \
sudo apt-get install -q -y gcsfuse; }; \
mountpoint -q bucket || \
gcsfuse --implicit-dirs --rename-dir-limit=$entries $(quoted "${bucket#gs://}") bucket"
}

upload() {
    asked --bucket "$bucket"; asked --data "$data"
    [ -d "$data" ] || die "--data=$data: there is no such folder"
    run gcloud storage rsync --recursive "$data" "$bucket/data/$(basename "$data")"
}

# The data on the disk of every worker, from which the pack is mapped and TFRecords are read.
download() {
    asked --bucket "$bucket"; asked --data "$data"
    local folder
    folder=$(quoted "$(basename "$data")")
    on_all "mkdir -p data/$folder; \
gcloud storage rsync --recursive $(quoted "$bucket")/data/$folder data/$folder"
}

# The run goes on when this ends; its workdir lies in the bucket, which outlives the machines.
start() {
    asked --config "$config"; asked --workdir "$workdir"
    local command
    command=$(quoted .venv/bin/python -m gapjax.main --cluster --config="$config" "${extra[@]}")
    command+=" --workdir=\$HOME/bucket/$(quoted "$workdir") --config.data.dir=\$HOME/data"
    on_all "cd gapjax; mkdir -p \$HOME/bucket/$(quoted "$workdir"); rm -f \$HOME/run.status; \
nohup bash launch/until_done.sh --status=\$HOME/run.status -- $command \
>\$HOME/run.log 2>&1 </dev/null &"
}

state() { gcloud compute tpus tpu-vm describe "$name" "${where[@]}" --format="value(state)"; }

ended() { # the status with which the run ended on the first worker, nothing while it runs
    gcloud compute tpus tpu-vm ssh "$name" "${where[@]}" --worker=0 \
        --command="cat run.status 2>/dev/null || true" </dev/null
}

status() {
    run gcloud compute tpus tpu-vm describe "$name" "${where[@]}" --format="value(state)"
    tpu ssh "$name" --worker=0 --command="tail -n 3 run.log; cat run.status 2>/dev/null || true"
}

again() {
    local step
    tpu delete "$name" --quiet || true
    # Processes of their own: in a function that may fail, bash goes on after errors.
    for step in create install download run; do
        bash launch/tpu.sh "$step" "${given[@]}" || return 1
    done
}

# Make the machines anew whenever they are taken away, until the run has ended.
watch() {
    asked --config "$config"; asked --workdir "$workdir"; asked --bucket "$bucket"
    asked --data "$data"
    if "$DRY_RUN"; then
        status
        echo "# where the machines are gone:"
        again
        return
    fi
    local try=0 now result
    while true; do
        now=$(state || echo GONE)
        case $now in
            READY)
                result=$(ended || true)
                [ -z "$result" ] || { echo "launch: the run ended with status $result"; return "$result"; }
                ;;
            CREATING | STARTING | RESTARTING | REPAIRING) ;;
            *)
                try=$((try + 1))
                [ "$try" -le "$tries" ] || die "$name: still $now after $tries tries"
                echo "launch: $name is $now; try $try of $tries"
                again || echo "launch: no machines yet"
                ;;
        esac
        sleep "$poll"
    done
}

fetch() {
    asked --bucket "$bucket"; asked --workdir "$workdir"
    run mkdir -p "$workdir"
    run gcloud storage rsync --recursive "$bucket/$workdir" "$workdir"
}

case $action in
    run) start ;;
    delete) tpu delete "$name" --quiet ;;
    *) "$action" ;;
esac
