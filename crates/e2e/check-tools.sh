#!/usr/bin/env bash
# Is everything here that the e2e scripts call but don't install themselves? Names what is missing, and what for.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap finish EXIT

GO_MIN=1.26
missing=0

lack() {
  printf '  missing: %-22s needed for %s\n' "$1" "$2"
  missing=1
}

# tool NAME PURPOSE [PACKAGE]
tool() {
  command -v "$1" >/dev/null 2>&1 || lack "$1${3:+ (package $3)}" "$2"
}

at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

tool cargo "building auditseal"
tool jq "reading objects as people do, and configuration files" jq
tool zstd "reading objects with the reference program" zstd
tool curl "asking the apiserver for its metrics" curl
tool openssl "the key of the cluster's service accounts" openssl
tool sha256sum "comparing bytes" coreutils
tool gzip "reading rotated logs" gzip
tool node "Azurite, the stand-in for Azure Blob Storage" nodejs
tool npm "installing Azurite" npm
tool mvn "getting aircompressor, the reader of Trino" maven
tool java "running it" default-jdk-headless
tool javac "compiling its test" default-jdk-headless
tool "${PROMETHEUS:-prometheus}" "scraping the agent" prometheus
tool "${PROMTOOL:-promtool}" "testing the alert rules" prometheus
tool cc "a clock that is wrong for one process" gcc
tool python3 "DuckDB, python-zstandard, SeaweedFS and most helpers" python3

if command -v python3 >/dev/null 2>&1; then
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || lack "python3 >= 3.10" "the packages in requirements.txt"
  python3 -c 'import ensurepip, venv' 2>/dev/null || lack "python3 venv (package python3-venv)" "installing the packages in requirements.txt"
fi
if command -v javac >/dev/null 2>&1; then
  java_version=$(javac -version 2>&1 | awk '{ print $2 }')
  at_least 17 "$java_version" || lack "javac >= 17" "helpers/Readers.java (this is $java_version)"
fi
if command -v go >/dev/null 2>&1; then
  go_version=$(GOTOOLCHAIN=local go env GOVERSION)
  at_least "$GO_MIN" "${go_version#go}" || lack "go >= $GO_MIN" "building Kubernetes and fake-gcs-server (this is $go_version)"
else
  lack "go >= $GO_MIN" "building Kubernetes and fake-gcs-server"
fi

# The servers here hold some hundred MB each, builds and images more. MinIO takes nothing on a disk with less than 1% free, however large it is.
read -r size free < <(df --output=size,avail -BM "$E2E" | tr -dc '0-9 \n' | tail -n 1)
wanted=$((size / 80 > 3000 ? size / 80 : 3000))
[ "$free" -ge $wanted ] || lack "$wanted MB of free disk" "what the servers store (there are $free MB below $E2E)"

[ $missing = 0 ] || exit 1
