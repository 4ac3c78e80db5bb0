#!/usr/bin/env bash
# Checks the alert rules and runs a unit test for each with promtool, which Debian's package `prometheus` has.
#
#   deploy/prometheus/check.sh        PROMTOOL names another one
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROMTOOL=${PROMTOOL:-promtool}

command -v "$PROMTOOL" >/dev/null || { printf '%s\n' "error: no promtool: install Prometheus, or set PROMTOOL" >&2; exit 1; }
cd "$HERE"
"$PROMTOOL" check rules alerts.yaml
"$PROMTOOL" test rules alerts_test.yaml
