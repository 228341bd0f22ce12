#!/usr/bin/env bash
# What SLURM runs; launch/slurm.sh submits it. Its arguments are those of gapjax.main.
set -euo pipefail
# SLURM runs a copy of this file; the job starts where it was submitted, in the repository.
python=${PYTHON:-.venv/bin/python}
[ -x "$python" ] || python=python3

child=""
# Two minutes before the time is up: the steps are told, and the job is put into the queue again.
trap '[ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true' TERM

status=0
srun --kill-on-bad-exit=1 "$python" -m gapjax.main --cluster "$@" &
child=$!
wait "$child" || status=$?
# `wait` ends at a signal, too, before srun does.
while kill -0 "$child" 2>/dev/null; do
    status=0
    wait "$child" || status=$?
done
[ "$status" -ne 0 ] && [ "$status" -ne 2 ] || exit "$status"
if [ "${SLURM_RESTART_COUNT:-0}" -lt "${GAPJAX_TRIES:-20}" ]; then
    echo "launch: status $status; the job is put into the queue again" >&2
    scontrol requeue "$SLURM_JOB_ID"
else
    echo "launch: status $status after ${SLURM_RESTART_COUNT:-0} restarts: given up" >&2
fi
exit "$status"
