#!/usr/bin/env bash
# Run a command again until it is done: a run that is killed goes on from its last checkpoint.
#
#   launch/until_done.sh [--tries=10] [--pause=30] [--status=FILE] [--dry-run] -- COMMAND...
#
# Ends with 0 where the command does, with 2, a user's mistake that no repetition mends, likewise,
# and with the command's last status after so many tries: 75 is of a run that was told to stop and
# has saved. That status is written to FILE.
set -euo pipefail
# shellcheck source=launch/common.sh
. "$(dirname "$0")/common.sh"

tries=10 pause=30 file=""
while [ $# -gt 0 ]; do
    case $1 in
        --tries=*) tries=$(value "$1"); whole --tries "$tries" ;;
        --pause=*) pause=$(value "$1"); whole --pause "$pause" ;;
        --status=*) file=$(value "$1") ;;
        --dry-run) DRY_RUN=true ;;
        --) shift; break ;;
        *) die "unknown argument $1 (there are: --tries, --pause, --status, --dry-run, --)" ;;
    esac
    shift
done
[ $# -gt 0 ] || die "no command: until_done.sh [flags] -- COMMAND..."
[ "$tries" -gt 0 ] || die "--tries=0: at least one is needed"

child=""
# The command ends first, and saves; whoever stops this wants no repetition.
# shellcheck disable=SC2329  # the trap calls it
stop() {
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true
    [ -z "$child" ] || wait "$child" || true
    exit 143
}
trap stop TERM INT

for ((try = 1; try <= tries; try++)); do
    if "$DRY_RUN"; then
        run "$@"
        exit 0
    fi
    status=0
    "$@" &
    child=$!
    wait "$child" || status=$?
    child=""
    [ "$status" -ne 0 ] && [ "$status" -ne 2 ] || break
    echo "launch: try $try of $tries ended with status $status" >&2
    [ "$try" -eq "$tries" ] || sleep "$pause"
done
[ -z "$file" ] || echo "$status" >"$file"
exit "$status"
