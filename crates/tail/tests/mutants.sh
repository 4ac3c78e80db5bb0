#!/usr/bin/env bash
# Sabotages the follower in one place at a time and asks whether a test notices.
# Prints `mutation | caught by`; exits 1 if a mutation survives, 2 if one can't be made. A mutation
# that is caught by some tests isn't shown to the slower ones.
# With words as arguments: only the mutations whose names hold one of them.
#
# All of them are built at once, into a copy, where a variable of the environment chooses one:
# building takes much longer than what most tests take.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target} RUST_BACKTRACE=0 RUSTFLAGS=
# Dependencies are what `make test` has built of them. What is built anew is optimised a little: it
# is run a hundred times.
export CARGO_PROFILE_TEST_OPT_LEVEL=1
# A place that stays the same, or each run would leave builds of its own behind.
copy=$CARGO_TARGET_DIR/mutants
mkdir -p "$CARGO_TARGET_DIR"
exec 9>"$CARGO_TARGET_DIR/mutants.lock"
flock -n 9 || { echo "it runs already, in $CARGO_TARGET_DIR" >&2; exit 2; }
rm -rf "$copy" && mkdir "$copy"
trap 'rm -rf "$copy"' EXIT
tar -C "$root" --exclude=target --exclude=./.git -cf - . | tar -C "$copy" -xmf -
list=$copy/list
: >"$list"
only=("$@")
survived=0

# mutate NAME FILE OLD NEW: OLD, an expression, stands in FILE exactly once; the mutation has NEW in
# its place. Where more text is needed to tell it from others, the expression stands between @@.
mutate() {
    printf '%s\0' "$@" >>"$list"
}

# --- what the look hands out, and when
mutate "no proof after the reads of a cut" follower/plain.rs \
    '!proves(&*source, proof)?' 'false'
mutate "a rename ends no file" follower/plain.rs \
    '(self.closed(carrier) && ends_with_newline(source, end)?)' 'false'
mutate "what the disk refuses is given up at once" follower/plain.rs \
    'self.now - trouble.since >= self.settings.linger' 'true'
mutate "an anchor isn't asked" follower/mod.rs \
    'Ok(crate::scan::anchor_at(file, offset)? == Some(anchor))' \
    'Ok(crate::scan::anchor_at(file, offset)?.is_some())'
mutate "no linger" follower/mod.rs \
    'self.draining() || quiet || self.crowded()' 'true'
mutate "a deleted live file isn't waited for" follower/mod.rs \
    '(quiet && self.carriers.has_live())' 'quiet'
mutate "no second look for the tail" follower/mod.rs \
    'carrier.calm() >= 2' 'true'
mutate "unseen files aren't settled" follower/mod.rs \
    'self.settle_unseen(&mut look)' '()'
mutate "no place before others" follower/take.rs \
    'self.before(&file)' 'None'
mutate "files in no order" follower/take.rs \
    'active.sort_unstable()' '()'
mutate "vanished files aren't waited for" follower/take.rs \
    'self.carriers.missing().any(vanished)' 'false'
mutate "damaged compressed files aren't waited for" follower/take.rs \
    'self.carriers.all_held().any(damaged)' 'false'
mutate "younger files don't wait" follower/take.rs \
    'waiting = true' 'waiting |= false'
mutate "a renamed file isn't asked" follower/inspect.rs \
    'carrier.is_live() || carrier.stirred()' 'carrier.is_live()'
mutate "unlinked files aren't held" follower/release.rs \
    'self.settled(carrier) && self.lingered(carrier, &file)' \
    'carrier.unlinked() || self.settled(carrier) && self.lingered(carrier, &file)'
mutate "closed before it is sealed" follower/release.rs \
    'account.is_committed()' 'true'

# --- what is lost
mutate "one miss is enough for a file that was begun" follower/settle.rs \
    'misses < MISSES' 'false'
mutate "one miss is enough for a file that wasn't opened" follower/vanished.rs \
    'carrier.misses() < MISSES' 'false'
mutate "one miss is enough for two views" follower/compare.rs \
    'self.watch.missed() < MISSES' 'self.watch.missed() < 1'
mutate "a short gzip is whole" follower/vanished.rs \
    'account.taken < expected' 'false'
mutate "a begun file under a strange name is deleted" follower/settle.rs \
    'reason == GapReason::DeletedBeforeRead && self.directory.has_strangers()' 'false'
mutate "an unread file under a strange name is deleted" follower/vanished.rs \
    'self.directory.has_strangers()' 'false'
mutate "what was truncated owes nothing in its copy" accounts/account.rs \
    'self.owes.or(lost.filter(|reason| *reason == GapReason::Truncated))' 'self.owes'

# --- listings
mutate "no second listing" follower/refresh.rs \
    'self.settings.limits.relists' '1'
mutate "a missing live file is believed at once" follower/refresh.rs \
    'live.is_none() || shown.has_wanted' 'true'
mutate "gzip beside plain is complete" follower/shown.rs \
    '!packed(sight) || (plain.binary_search(&stands).is_err() && !beside(stands))' 'true'
mutate "a refusal is no gap" follower/refresh.rs \
    'why.may_hold_lines()' 'false'
mutate "a refusal is told with each listing" follower/refresh.rs \
    'before.get(&name) != Some(&sight.key)' 'true'
mutate "what is refused is opened" follower/shown.rs \
    'match @@refusal@@ {' 'None'
mutate "a stranger is named with each listing" follower/refresh.rs \
    '!self.directory.strangers.contains(stranger)' 'true'

# --- reports
mutate "reports aren't waited for" follower/watch.rs \
    'self.asked.is_some_and(|asked| first_listing > asked)' 'false'
mutate "the first start is blind" follower/watch.rs \
    'notices.lost && began' 'notices.lost'
mutate "a name reported twice is one file" follower/watch.rs \
    '!self.stand.insert((folder, *role))' \
    '{ self.stand.insert((folder, *role)); false }'
mutate "no barrier before what a gap stands for" follower/watch.rs \
    'self.blind.as_ref().map(|blind| blind.listing).or(self.broken)' \
    'self.blind.as_ref().map(|blind| blind.listing)'
mutate "blind since the last listing only" follower/watch.rs \
    'Blind { since: now, listing, misses: 0, watched }' \
    'Blind { since: now, listing: listings, misses: 0, watched }'
mutate "names are given by guess" follower/compare.rs \
    'self.carriers.get(id).is_some_and(|carrier| carrier.first_listing() > since)' 'false'
mutate "a copy doesn't name a vanished file" follower/compare.rs \
    '!carrier.is_listed() && unnamed && copy.age().is_unique()' 'false'
mutate "a guessed name is believed" follower/compare.rs \
    '(guessed && carrier.age() != copy.age())' 'false'
mutate "a compressed file is nothing that was there" follower/compare.rs \
    'self.was_plain(c, seen)' 'false'

# --- carriers
mutate "an inode is a file" carriers/matching.rs \
    '(name || carrier.age().becomes(&age))
        && sight.size >= carrier.size()' 'true'
mutate "a live file's inode isn't given again" carriers/matching.rs \
    '(!carrier.is_gone() || age.is_unique())' 'true'
mutate "the order of names" carriers/matching.rs \
    'c.is_listed() && (c.is_live() || c.is_recent(carriers.looks))' 'c.is_listed()'
mutate "a finished file doesn't grow" carriers/matching.rs \
    'done.size() == sight.size' 'true'
mutate "a held inode is asked for its name" carriers/listing.rs \
    'if @@known.is_held()@@ {
                return Some(id)' \
    'known.is_held() && same(known, sight, role.age)'
mutate "a reported file stands last" carriers/mod.rs \
    'self.place(&sight, newer)' 'self.last_order()'
mutate "names that were lost are forgotten" carriers/mod.rs \
    'self.past.contains_key(&(folder.id, *role))' 'false'
mutate "a live file that lost its name is live" carriers/carrier.rs \
    'self.phase == Phase::Open(Standing::Live)' 'false'
mutate "a former folder's live file is live" carriers/listing.rs \
    'self.current().any(|current| current.id == folder)' 'true'
mutate "a former folder is left at once" carriers/mod.rs \
    '!used(folder.id)' 'true'
mutate "quiet since the look began" carriers/carrier.rs \
    'std::mem::take(&mut self.stirred)' '{ self.stirred = false; false }'
mutate "what is missing isn't counted" carriers/unopened.rs \
    'missing.filter(|(_, c)| !c.is_listed()).map(|(id, _)| id).collect()' 'BTreeSet::new()'
mutate "what was opened counts as unread" carriers/unopened.rs \
    'self.count(carrier, false)' '()'

# --- accounts
mutate "only the last end of a file is known" accounts/mod.rs \
    'finished.marks().any(|end| end == mark)' 'finished.end() == mark'
mutate "a start forgets earlier ends" accounts/finished.rs \
    'self.earlier.get_or_insert_default().0.push(end)' '()'

# --- limits
mutate "nothing is left though files wait" follower/mod.rs \
    'self.carriers.waiting_count() > 0 || self.crowded() || self.copies_wait()' \
    'self.crowded() || self.copies_wait()'
mutate "any number of files is begun" follower/mod.rs \
    'self.accounts.unfinished() >= self.settings.limits.begun' 'false'
mutate "new files don't wait for those that are begun" follower/take.rs \
    'self.accounts.unfinished() >= limits.begun + limits.begun_spare' 'false'
mutate "any number of files is held" follower/release.rs \
    'self.carriers.held_count() < self.settings.limits.open' 'true'
mutate "the live file waits for a descriptor" follower/refresh.rs \
    '!carrier.is_live() && !self.has_room()' '!self.has_room()'
mutate "the live file is opened last" follower/refresh.rs \
    'self.carriers.waiting().take(most.saturating_add(1)).collect()' \
    '{
        let mut all: Vec<u64> = self.carriers.waiting().collect();
        all.sort_by_key(|id| self.carriers.get(*id).is_some_and(|c| c.is_live()));
        all
    }'
mutate "lost though files wait for descriptors" follower/settle.rs \
    'self.carriers.waiting_count() > 0' 'false'
mutate "unread files are given up before others" follower/release.rs \
    'settled.or(unlinked.first().copied())' 'unlinked.first().copied()'
mutate "finished files are forgotten though they are there" follower/release.rs \
    'there.has(&at)' 'false'
mutate "any amount is decoded in one look" unpack.rs \
    '*work == 0' 'false'
mutate "any number of former folders" fs/disk.rs \
    'left.len() > self.limits.former_folders' 'false'
mutate "any number of reports is kept" watcher.rs \
    'self.notices.events.len() < self.limits.notices' 'true'
mutate "a restless writer is read for ever" queue.rs \
    'left -= 1' '()'

# --- copies that are renamed over the log
mutate "a longer copy is asked at its end only" follower/assign.rs \
    'self.accounts.get(&file).map_or(&[][..], |account| account.marks())' '(&[][..])'
mutate "a shorter copy isn't waited for" follower/assign.rs \
    'live && size < taken && self.catches_up(carrier, &head, &file)?' 'false'
mutate "a shorter copy is let go of" follower/assign.rs \
    'carrier.is_live() && !self.draining() && carrier.size() < taken' 'false'
mutate "a replaced file is said nothing of" follower/assign.rs \
    'over && old.standing() == Standing::Deleted' 'false'
mutate "two files for one account" follower/assign.rs \
    'carrier.prove(file, carrier.size());
            @@carrier.stand_by(file, head)@@' '()'
mutate "copies that a mirror leaves are held" follower/release.rs \
    'quiet && !carrier.is_listed() && carrier.is_copy(file)' 'false'
mutate "a file cut amid a comparison is another" follower/assign.rs \
    'Ok(!proves(source, proof)?)' 'Ok(false)'
mutate "no proof after a judgement" follower/assign.rs \
    'proves(&*source, Some((head.end, head.anchor)))?' 'true'

# --- compressed files, takes, names
mutate "a compressed file's anchor isn't asked" follower/packed.rs \
    'Skip::Reached if @@here == anchor@@' 'true'
mutate "a damaged compressed file is taken at once" follower/packed.rs \
    '(end.is_some() && over)' 'end.is_some()'
mutate "what is ignored behind the last member isn't told" follower/packed.rs \
    'unpack.ignored().filter(|_| last)' 'None'
mutate "a take holds whatever was done to its file" content.rs \
    'anchor_at(&**file, offset).map_err(ReadError::Io)?.as_ref() == Some(anchor)' \
    'anchor_at(&**file, offset).map_err(ReadError::Io)?.is_some()'
mutate "no take holds" content.rs \
    'anchor_at(&**file, offset).map_err(ReadError::Io)?.as_ref() == Some(anchor)' 'false'
mutate "numbers end at 999" stamp.rs \
    'digits.len() == 1 || digits.first() != Some(&b'\''0'\'')' \
    'digits.len() == 1 || digits.len() < 4 && digits.first() != Some(&b'\''0'\'')'
mutate "no name is compressed and rotated again" names.rs \
    'age.again(again)?' 'return None'
mutate "any number is a stamped file's first" age.rs \
    'first.0 <= 1' 'true'

# --- the real disk
mutate "what is opened isn't judged" fs/folder.rs \
    'owners.refuse(found, &folder, live).map_or(Ok(()), |why| Err(refused(why)))' 'Ok(())'
mutate "anybody's second name is read" fs/owners.rs \
    '@@!alone || !lent@@).then_some' '!alone'
mutate "a folder is never left" fs/disk.rs \
    'used.id != folder || !used.former' 'true'
mutate "two sources read one file" fs/claims.rs \
    'claim.who != self.who && wanted.iter().any(both)' 'false'

python3 - "$copy/crates/tail/src" "$list" <<'PY' || exit 2
import sys
src, list_ = sys.argv[1:]
words = open(list_).read().split("\0")[:-1]
texts, broken = {}, False
for number, at in enumerate(range(0, len(words), 4)):
    name, file, old, new = words[at:at + 4]
    text = texts.setdefault(file, open(f"{src}/{file}").read())
    before, expression, behind = old.split("@@") if "@@" in old else ("", old, "")
    whole = before + expression + behind
    # Two of the same place stand one in the other.
    if text.count(whole) != 1:
        print(f"{name}: its text stands {text.count(whole)} times in {file}", file=sys.stderr)
        broken = True
        continue
    both = f"(if crate::sabotaged({number}) {{ {new} }} else {{ {expression} }})"
    texts[file] = text.replace(whole, before + both + behind)
sabotaged = """
pub(crate) fn sabotaged(number: usize) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
    let chosen = || std::env::var("AUDITSEAL_SABOTAGE").ok()?.parse().ok();
    *CHOSEN.get_or_init(chosen) == Some(number)
}
"""
lib = open(f"{src}/lib.rs").read()
texts["lib.rs"] = "#![allow(warnings, clippy::all)]\n" + lib + sabotaged
for file, text in texts.items():
    open(f"{src}/{file}", "w").write(text)
sys.exit(broken)
PY

if ! (cd "$copy" && cargo test --locked --offline --no-run -p auditseal-tail) >"$copy/log" 2>&1; then
    echo "the mutations don't build" >&2
    grep -A12 '^error' "$copy/log" >&2 || true
    exit 2
fi
# Where each test was built; `lib` for those in the sources.
declare -A built
while read -r source program; do
    name=$(basename "$source" .rs)
    built[$name]=$(realpath "$copy/$program" 2>/dev/null || realpath "$program")
done < <(sed -nE 's/^ *Executable (unittests )?(\S+) \((.*)\)$/\2 \3/p' "$copy/log")
# The quick and likely ones first; the last group are all that aren't named.
groups=("waiting losses replaced rules short gzip finals standings regressions rare" "lib real path" "siblings" "interleavings")
rest=
for name in "${!built[@]}"; do
    [[ " ${groups[*]} " == *" $name "* ]] || rest+=" $name"
done
groups+=("$rest")

# caught NUMBER: the tests that notice it, of the first group in which some do.
caught() {
    local group name found log=$copy/log
    for group in "${groups[@]}"; do
        found=
        for name in $group; do
            [ -n "${built[$name]:-}" ] || { echo "no test $name" >&2; exit 2; }
            if (cd "$copy/crates/tail" &&
                AUDITSEAL_SABOTAGE=$1 timeout 600 "${built[$name]}") >"$log" 2>&1; then
                continue
            fi
            local failed
            failed=$(grep -aoP '^test \K.*(?= \.\.\. FAILED)' "$log" | paste -sd' ')
            found+="${found:+ }${failed:-$name}"
            # One is enough.
            break
        done
        [ -z "$found" ] || break
    done
    echo "$found"
}

found=$(caught none)
if [ -n "$found" ]; then
    echo "the sound follower fails: $found" >&2
    exit 2
fi
echo "mutation | caught by"
number=-1
while IFS= read -r -d '' name && IFS= read -r -d '' _ && IFS= read -r -d '' _ && IFS= read -r -d '' _; do
    number=$((number + 1))
    wanted=${#only[@]}
    for word in "${only[@]}"; do [[ $name == *"$word"* ]] && wanted=0; done
    [ "$wanted" = 0 ] || continue
    found=$(caught $number)
    echo "$name | ${found:-NOTHING}"
    [ -n "$found" ] || survived=1
done <"$list"
exit $survived
