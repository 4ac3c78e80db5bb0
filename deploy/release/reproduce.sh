#!/usr/bin/env bash
# Builds packages and image twice, from two folders that have nothing in common but the commit, and compares them byte by byte:
#
#   reproduce.sh [deb|rpm|image…]     all three without an argument
#
# What differs: the folders of sources, crates (CARGO_HOME) and what is built, their names' lengths, time zone, language, umask and number of
# jobs. What must not: compiler, C library and linker, and the certificate authorities that go into the image. The same on two machines is shown
# by comparing SHA256SUMS. Two release builds, four with the image: ten to twenty minutes on two quiet cores. COMMIT names another than HEAD.
# cargo-deb and cargo-generate-rpm are built once, in this tree's target directory. Results stay in target/reproduce.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
OUT=$("$ROOT/crates/e2e/target-dir.sh")/reproduce
kinds=("$@")
[ ${#kinds[@]} -gt 0 ] || kinds=(deb rpm image)
commit=$(git -C "$ROOT" rev-parse --verify "${COMMIT:-HEAD}^{commit}")
SOURCE_DATE_EPOCH=$(git -C "$ROOT" log -1 --format=%ct "$commit")
export SOURCE_DATE_EPOCH
[ -n "${COMMIT:-}" ] || git -C "$ROOT" diff --quiet HEAD || echo "note: what isn't committed is not built" >&2

# The packers change nothing of the program, and need not be built in each folder.
[[ " ${kinds[*]} " != *" deb "* ]] || deb=$("$ROOT/deploy/package/build.sh" tool deb)
[[ " ${kinds[*]} " != *" rpm "* ]] || rpm=$("$ROOT/deploy/package/build.sh" tool rpm)
PATH=${deb:+$(dirname "$deb"):}${rpm:+$(dirname "$rpm"):}$PATH

work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
rm -rf "$OUT"

# build NAME FOLDER VARIABLE=VALUE…
build() {
  local name=$1 folder=$work/$2 home=${CARGO_HOME:-$HOME/.cargo} kind command
  mkdir -p "$folder/src" "$folder/home/registry" "$OUT/$name"
  git -C "$ROOT" archive "$commit" | tar -x -C "$folder/src"
  # Crates come from the cache that is there, and are unpacked anew; cargo holds them against the lock file.
  cp -r "$home/registry/index" "$home/registry/cache" "$folder/home/registry/" 2>/dev/null || true
  cp "$home/config.toml" "$folder/home/" 2>/dev/null || true
  for kind in "${kinds[@]}"; do
    echo "-- $name: $kind" >&2
    case $kind in
      deb | rpm) command=(deploy/package/build.sh "$kind" "$OUT/$name") ;;
      image) command=(deploy/image/build.sh "$OUT/$name/auditseal.tar") ;;
      *) echo "error: deb, rpm or image, not $kind" >&2; exit 1 ;;
    esac
    (cd "$folder/src" && env -u AUDITSEAL "${@:3}" CARGO_HOME="$folder/home" CARGO_TARGET_DIR="$folder/made" "${command[@]}" >&2)
  done
}

(umask 022 && build one a TZ=UTC LC_ALL=C CARGO_BUILD_JOBS=2)
(umask 077 && build two a/longer/folder/with/a/name TZ=Asia/Tokyo LC_ALL=C.UTF-8 CARGO_BUILD_JOBS=1)

printf 'commit %s, %s\n' "$commit" "$(rustc --version)"
sed 's/^/one  /' "$OUT/one/SHA256SUMS"
sed 's/^/two  /' "$OUT/two/SHA256SUMS"
if diff -r "$OUT/one" "$OUT/two"; then
  echo "the same: $(wc -l <"$OUT/one/SHA256SUMS") files"
else
  echo "NOT the same: $OUT/one and $OUT/two differ" >&2
  exit 1
fi
