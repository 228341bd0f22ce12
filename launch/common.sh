# What the scripts of this folder share; they read it with `.`, it does nothing by itself.
# shellcheck shell=bash

DRY_RUN=false

# Say what is wrong in one line and end with the status of a user's mistake.
die() {
    echo "launch: $*" >&2
    exit 2
}

# Carry out a command; with --dry-run print it, ready to be pasted.
run() {
    if "$DRY_RUN"; then
        printf '%q ' "$@" | sed 's/ $//'
        echo
    else
        "$@"
    fi
}

# Print words as one line that a shell reads as the same words.
quoted() {
    printf '%q ' "$@" | sed 's/ $//'
}

need() {
    command -v "$1" >/dev/null || "$DRY_RUN" || die "$1 is not installed: $2"
}

# Print the value of a flag --name=value, which must not be empty.
value() {
    [ -n "${1#*=}" ] && [ "${1#*=}" != "$1" ] || die "${1%%=*} needs a value: ${1%%=*}=..."
    echo "${1#*=}"
}

# End unless a config and a working directory are given, and the config is there.
check_run() {
    [ -n "$1" ] || die "--config=... is needed"
    [ -n "$2" ] || die "--workdir=... is needed"
    [ -f "${1%%:*}" ] || die "--config=$1: there is no file ${1%%:*}"
}

whole() {
    [[ $2 =~ ^[0-9]+$ ]] || die "$1=$2 should be a whole number"
}
