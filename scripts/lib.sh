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
