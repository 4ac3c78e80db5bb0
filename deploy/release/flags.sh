# shellcheck shell=bash
# What makes a build the same wherever it is made: sourced by deploy/package/build.sh and deploy/image/build.sh, with ROOT and CARGO_TARGET_DIR set.
#
# The paths of this machine (sources, crates, what is built) stand in messages of panics and in what C libraries say of themselves: they are
# replaced by the same three words everywhere. Cargo leaves such a flag out of the names that it gives to symbols, so the words are all that
# remains. Times are the commit's; without a repository (a source archive) SOURCE_DATE_EPOCH has to say it, else it is 1.
umask 022
CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$ROOT" log -1 --format=%ct 2>/dev/null || echo 1)}
export CARGO_HOME SOURCE_DATE_EPOCH
# The C compiler's, for the crates that bring C. These flags are parted at spaces.
case $ROOT$CARGO_HOME$CARGO_TARGET_DIR in
  *[[:space:]]*) echo "note: a folder's name has a space, so C code may keep it: this build need not be reproducible" >&2 ;;
  *) export CFLAGS="${CFLAGS:-} -ffile-prefix-map=$CARGO_HOME=/cargo -ffile-prefix-map=$ROOT=/auditseal -ffile-prefix-map=$CARGO_TARGET_DIR=/build" ;;
esac

# release_flags [FLAG…]: sets CARGO_ENCODED_RUSTFLAGS, in which a path may have spaces. The user's own RUSTFLAGS come first.
release_flags() {
  local flag flags=()
  if [ -n "${CARGO_ENCODED_RUSTFLAGS:-}" ]; then IFS=$'\x1f' read -ra flags <<<"$CARGO_ENCODED_RUSTFLAGS"; else read -ra flags <<<"${RUSTFLAGS:-}"; fi
  # The last that fits counts: the target directory mostly lies in the sources.
  flags+=("$@" "--remap-path-prefix=$CARGO_HOME=/cargo" "--remap-path-prefix=$ROOT=/auditseal" "--remap-path-prefix=$CARGO_TARGET_DIR=/build")
  CARGO_ENCODED_RUSTFLAGS=$(printf '\x1f%s' "${flags[@]}")
  export CARGO_ENCODED_RUSTFLAGS=${CARGO_ENCODED_RUSTFLAGS#?}
}
