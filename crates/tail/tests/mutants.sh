#!/usr/bin/env bash
# Sabotages the follower in one place at a time, in a copy, and asks whether a test notices.
# Prints `mutation | caught by`; exits 1 if a mutation survives, 2 if one can't be made. A mutation
# that is caught by some tests isn't shown to the slower ones.
# With words as arguments: only the mutations whose names hold one of them.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# Building takes most of the time: optimised little, and into a place of its own that is kept.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 RUST_BACKTRACE=0
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target/mutants}
tar -C "$root" --exclude=./target --exclude=./.git -cf - . | tar -C "$copy" -xmf -
src=$copy/crates/tail/src
cp -r "$src" "$copy/src.sound"
survived=0 broken=0

# mutate NAME FILE OLD NEW: OLD must stand in FILE exactly once.
mutate() {
    if [ ${#only[@]} -gt 0 ]; then
        local word wanted=0
        for word in "${only[@]}"; do [[ $1 == *"$word"* ]] && wanted=1; done
        [ $wanted = 1 ] || return 0
    fi
    rm -rf "$src" && cp -r "$copy/src.sound" "$src"
    OLD=$3 NEW=$4 python3 - "$src/$2" <<'PY' || { echo "$1: its text is gone from $2" >&2; broken=1; return 0; }
import os, sys
path = sys.argv[1]
text, old = open(path).read(), os.environ["OLD"]
if text.count(old) != 1:
    sys.exit(1)
open(path, "w").write(text.replace(old, os.environ["NEW"]))
PY
    local log=$copy/log
    # Unused parameters are what a mutation leaves behind.
    # The quick and likely ones first: building a test costs more than running it.
    local targets
    for targets in "--test waiting --test losses --test short --test rules --test regressions --test rare" "--test interleavings" \
        "--lib --test gzip --test histories --test real"; do
        # shellcheck disable=SC2086
        if (cd "$copy" && RUSTFLAGS= nice cargo test --release --offline --no-fail-fast \
            -p auditseal-tail $targets) >"$log" 2>&1; then
            continue
        elif ! grep -q '^running ' "$log"; then
            echo "$1: doesn't build" >&2
            grep -m1 -A8 '^error' "$log" >&2 || true
            broken=1
        else
            echo "$1 | $(grep -oP '^test \K.*(?= \.\.\. FAILED)' "$log" | paste -sd' ')"
        fi
        return 0
    done
    echo "$1 | NOTHING"
    survived=1
}
only=("$@")

if ! (cd "$copy" && RUSTFLAGS= nice cargo test --release --offline -p auditseal-tail) >"$copy/log" 2>&1
then
    echo "the sound follower fails" >&2
    grep -E '^error|FAILED' "$copy/log" >&2 || true
    exit 2
fi
echo "mutation | caught by"
mutate "no proof after the reads of a cut" follower/plain.rs \
    'if !proves(&*source, proof)? {' 'if false && !proves(&*source, proof)? {'
mutate "one miss is enough" follower/finish.rs \
    'const MISSES: u8 = 3;' 'const MISSES: u8 = 1;'
mutate "no second listing" follower/listing.rs \
    'const RELISTS: usize = 6;' 'const RELISTS: usize = 1;'
mutate "gzip beside plain is complete" follower/listing.rs \
    '!role.gzip || !plain.contains(&role.age)' '!role.gzip || plain.len() < usize::MAX'
mutate "no linger" follower/mod.rs \
    'Standing::Rotated => self.draining() || quiet || self.crowded(),' 'Standing::Rotated => true,'
mutate "no place before others" follower/mod.rs \
    'let before = self.before(&file);' 'let before = self.before(&file).filter(|_| false);'
mutate "unlinked files aren't held" follower/finish.rs \
    'State::Active(file) => self.settled(id) && self.lingered(carrier, &file),' \
    'State::Active(file) => carrier.links == 0 || (self.settled(id) && self.lingered(carrier, &file)),'
mutate "reports aren't waited for" follower/unseen.rs \
    'self.watch.asked.is_some_and(|asked| carrier.listing > asked)' \
    'self.watch.asked.is_some_and(|asked| carrier.listing > asked) && false'
mutate "vanished files aren't waited for" follower/unseen.rs \
    '(vanished && (other.size > 0 || other.unseen))' \
    '(false && vanished && (other.size > 0 || other.unseen))'
mutate "damaged gzip files aren't waited for" follower/unseen.rs \
    'other.held.is_some() && other.pending && damaged' 'false && other.pending && damaged'
mutate "younger files don't wait" follower/mod.rs \
    'waiting = true;' 'waiting |= false;'
mutate "unseen files aren't settled" follower/mod.rs \
    'self.settle_unseen(&mut look);' ''
mutate "a short gzip is whole" follower/vanished.rs \
    '.is_some_and(|account| account.taken < expected)' \
    '.is_some_and(|account| account.taken < expected && false)'
mutate "an inode is a file" follower/listing.rs \
    '(name || renamed) && entry.size >= carrier.size' 'true'
mutate "a live file's inode isn't given again" follower/listing.rs \
    '&& (!carrier.gone || matches!(role.age, Age::Stamped(_)));' ';'
mutate "no second look for the tail" follower/mod.rs \
    'carrier.calm >= 2' 'carrier.calm >= 0'
mutate "the order of names" follower/listing.rs \
    'let now = c.standing == Standing::Live || self.looks - c.rotated <= 1;' 'let now = true;'
mutate "an anchor isn't asked" follower/mod.rs \
    'Ok(crate::scan::anchor_at(file, offset)? == Some(anchor))' \
    'Ok(crate::scan::anchor_at(file, offset)?.is_some() || anchor == hash(b""))'
mutate "names are given by guess" follower/unseen.rs \
    'if carrier.listing > since {' 'if carrier.listing > u64::MAX - since {'
mutate "a reported file stands last" follower/unseen.rs \
    'let order = self.place(&role, NO_INODE);' 'let order = self.last_order();'
mutate "the first start is blind" follower/unseen.rs \
    'if notices.lost && began {' 'if notices.lost {'
mutate "a renamed file isn't asked" follower/inspect.rs \
    'carrier.standing == Standing::Live || carrier.stirred;' 'carrier.standing == Standing::Live;'
mutate "a take holds whatever was done to its file" content.rs \
    '.map_err(ReadError::Io)?.as_ref() == Some(anchor))' \
    '.map_err(ReadError::Io)?.as_ref().is_some_and(|_| anchor == anchor))'
mutate "no take holds" content.rs \
    '.map_err(ReadError::Io)?.as_ref() == Some(anchor))' \
    '.map_err(ReadError::Io)?.as_ref() == Some(anchor) && offset == u64::MAX)'
mutate "a restless writer is read for ever" queue.rs \
    'if left == 0 {' 'if left == 0 && max == usize::MAX {'
[ $broken = 0 ] || exit 2
exit $survived
