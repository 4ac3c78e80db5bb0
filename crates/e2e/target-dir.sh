#!/usr/bin/env bash
# Prints the folder that cargo builds this workspace into: CARGO_TARGET_DIR, build.target-dir of any cargo configuration, or target/. Only
# cargo knows which of them holds. Needs nothing but cargo and sed, as `make demo` does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
found=$("${CARGO:-cargo}" metadata --no-deps --offline --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
[ -n "$found" ] || { echo "error: cargo metadata names no target directory" >&2; exit 1; }
printf '%s\n' "$found"
