# Shared by the scripts: sourced, not run. Leaves the shell in the project's root, stopping at the first error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The folder that cargo builds into.
target_dir=${CARGO_TARGET_DIR:-target}

say() { printf '\n\033[1m== %s\033[0m\n' "$*" >&2; }

# Ends with what is missing and how to get it.
missing() {
    printf 'error: %s is missing: %s\n' "$1" "$2" >&2
    exit 1
}

# need COMMAND HOW-TO-GET-IT
need() { command -v "$1" >/dev/null || missing "$1" "$2"; }

# Installs packages of Debian's when we may, and ends with what to install when not.
debian() {
    local how="install the packages $* (on Debian: apt-get install $*)"
    { command -v apt-get && [ "$(id -u)" -eq 0 ]; } >/dev/null || missing "$*" "$how"
    say "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -qq --no-install-recommends "$@" >&2 ||
        { apt-get update -qq && apt-get install -qq --no-install-recommends "$@"; } >&2 ||
        missing "$*" "$how"
}
