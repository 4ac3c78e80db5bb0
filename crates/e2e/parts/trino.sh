#!/usr/bin/env bash
# Trino on loopback, which reads folders below TRINO_FILES. Athena is of its kind.
#
#   trino.sh build    from Maven Central, unless it's there
#   trino.sh up       start; its address is TRINO_URL in $TRINO_DIR/env
#   trino.sh down     stop it; files stay
#   trino.sh java     whether there is a Java for it
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

TRINO_VERSION=476 # the last whose server is on Maven Central
TRINO_DIR=${TRINO_DIR:-$E2E/trino}
BIN=$E2E/bin/trino-$TRINO_VERSION
trap finish EXIT

# It needs Java 24. Of those installed, the newest.
newest_java() {
  local home version best=0
  JAVA_HOME=
  for home in /usr/lib/jvm/*; do
    version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release" 2>/dev/null || true)
    if [ "${version:-0}" -gt "$best" ]; then best=$version JAVA_HOME=$home; fi
  done
  export JAVA_HOME
  [ "$best" -ge 24 ]
}

build() {
  local artifact new=$BIN.new
  [ ! -x "$BIN/bin/launcher" ] || return 0
  note "getting Trino $TRINO_VERSION (500 MB)"
  rm -rf "$new" && mkdir -p "$new"
  for artifact in trino-server-core:$TRINO_VERSION:tar.gz trino-hive:$TRINO_VERSION:zip; do
    mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dmdep.useBaseVersion=true -Dartifact="io.trino:$artifact" -DoutputDirectory="$new" >"$E2E/trino.log" 2>&1 ||
      { show_logs "$E2E/trino.log"; die "Trino is not to be had"; }
  done
  tar xzf "$new/trino-server-core-$TRINO_VERSION.tar.gz" -C "$new"
  mkdir -p "$new/trino-server-core-$TRINO_VERSION/plugin/hive"
  python3 -c 'import os, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
for name in archive.namelist():
    if not name.endswith("/"):
        open(os.path.join(sys.argv[2], os.path.basename(name)), "wb").write(archive.read(name))' "$new/trino-hive-$TRINO_VERSION.zip" "$new/trino-server-core-$TRINO_VERSION/plugin/hive"
  rm -rf "$BIN"
  mv "$new/trino-server-core-$TRINO_VERSION" "$BIN"
  rm -rf "$new"
}

up() {
  local port etc=$TRINO_DIR/etc
  newest_java || die "no Java from 24 on in /usr/lib/jvm, which Trino needs"
  mkdir -p "$etc/catalog" "$TRINO_DIR/data" "$TRINO_FILES"
  port=$(free_ports 1)
  printf '%s\n' node.environment=e2e node.id=one "node.data-dir=$TRINO_DIR/data" node.internal-address=127.0.0.1 node.bind-ip=127.0.0.1 >"$etc/node.properties"
  printf '%s\n' -server -Xmx1g -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError -Djdk.attach.allowAttachSelf=true --add-modules=jdk.incubator.vector --sun-misc-unsafe-memory-access=allow >"$etc/jvm.config"
  printf '%s\n' coordinator=true node-scheduler.include-coordinator=true "http-server.http.port=$port" "discovery.uri=http://127.0.0.1:$port" query.max-memory=512MB \
    query.max-memory-per-node=384MB memory.heap-headroom-per-node=256MB catalog.management=static >"$etc/config.properties"
  # A location is a folder, looked through to its leaves.
  printf '%s\n' connector.name=hive hive.metastore=file hive.metastore.catalog.dir=local:///.metastore fs.native-local.enabled=true "local.location=$TRINO_FILES" \
    hive.recursive-directories=true >"$etc/catalog/hive.properties"
  spawn "$TRINO_DIR" trino "$BIN/bin/launcher" run --etc-dir="$etc" --data-dir="$TRINO_DIR/data"
  printf 'export TRINO_URL=http://127.0.0.1:%s\n' "$port" >"$TRINO_DIR/env"
  wait_for 180 "$TRINO_DIR" trino ready "$port" || { show_logs "$TRINO_DIR/trino.log"; die "Trino is not ready"; }
}
ready() { curl --silent --fail --max-time 10 "http://127.0.0.1:$1/v1/info" | grep -q '"starting":false'; }

down() {
  stop "$TRINO_DIR" trino
  rm -f "$TRINO_DIR/env"
}

case ${1:-} in
  up) build && up_or_down "$TRINO_DIR/env" ;;
  build | down) "$1" ;;
  java) newest_java ;;
  *) die "usage: trino.sh build|up|down|java" ;;
esac
