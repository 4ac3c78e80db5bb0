#!/usr/bin/env bash
# Sabotages the lifecycle of a chain (where it goes on, adoption, uploads, alternates) in one place at a
# time and asks whether a test notices: crates/tidy/mutants.
# With words as arguments: only the mutations whose names hold one of them.
. "$(dirname "${BASH_SOURCE[0]}")/../../tidy/mutants/lib.sh"
# Histories of the simulator for each.
export AUDITSEAL_RUNS=${AUDITSEAL_RUNS:-60}

# --- where a chain goes on
mutate "what the store has behind ours is passed over" shipper/course.rs \
    'seq > newest.seq' 'false'
mutate "another's object at our seq counts as ours" shipper/course.rs \
    'Some(hash) if @@hash == store.hash@@ =>' 'true'
mutate "what ours don't continue is no fork" shipper/course.rs \
    'ours.before(seq + 1).is_some_and(|hash| hash != Some(store.hash))' 'false'
mutate "the way back meets ours anywhere" shipper/spooled.rs \
    'Some(@@self.prev.as_ref() == Some(hash)@@)' 'true'
mutate "nothing is waited for after a loss" agent/start.rs \
    'held(asking, "the state was lost")' '0'
mutate "a crash ends the wait" agent/start.rs \
    'match (adopted, @@is_held@@)' 'false'
mutate "nothing is waited for after an adoption" agent/start.rs \
    'held(asking, "another process with this chain'"'"'s key was met")' '0'

mutate "what comes behind a hole is told by its place" shipper/spooled.rs \
    'let at = @@self.objects.binary_search_by_key(&seq, |object| object.seq).ok()?@@;
        self.objects.get(at).map' 'seq.checked_sub(self.objects.front()?.seq)? as usize'
mutate "what is missing isn't said" shipper/spooled.rs \
    'missing.extend(@@Seqs::before(next, *seq)@@)' 'None'
mutate "what is said of one loss holds for all" shipper/upload.rs \
    '!self.without.contains(&lacking)' 'self.without.is_empty()'
mutate "a store that lacks what it had is sent to" shipper/spooled.rs \
    'Seqs::before(stored.map_or(0, |seq| seq + 1), self.objects.front()?.seq)' 'None'
mutate "what is gone under us counts as stored" shipper/upload.rs \
    'is_some_and(|stored| @@seqs.is_just(stored.seq)@@)' 'false'
mutate "that it lacks is said each time" shipper/upload.rs \
    'self.lacking.replace(seqs) != Some(seqs)' 'true'
mutate "a one-shot waits for what is lacking" shipper/upload.rs \
    'if @@self.one_shot@@ {' 'false'
mutate "what is gone on without is missing too" shipper/upload.rs \
    'filter(|hole| @@Some(*hole) != lacking@@)' 'true'
mutate "what the store has is sent again" shipper/upload.rs \
    'is_some_and(|front| @@front.seq < found.key.seq@@)' 'false'
mutate "an absent probe counts as a failure" shipper/upload.rs \
    'ReadBack::Absent if @@self.why.is_empty() && self.attempts == 0@@' 'false'
mutate "behind the genesis nobody asks" shipper/upload.rs \
    'if @@genesis@@ {' 'false'
mutate "finals that were cut pass for all" spool/finals_file.rs \
    'is_none_or(|least: u64| @@found < least@@)' 'false'

# --- how chains begin
mutate "chains wait for those that hang" agent/opening.rs \
    'timeout_at(@@self.until@@, all)' 'self.until + Duration::from_secs(3600)'
mutate "chains wait for nobody" agent/opening.rs \
    'missing.wait_for(|missing| @@*missing == 0@@)' 'true'
mutate "sources of the same files are two" agent/place.rs \
    'other.folders.iter().any(same)' 'false'
mutate "a disk that hangs keeps the service manager waiting" agent/pulse.rs \
    'self.opened() || @@Disk::ALL.into_iter().any(silent)@@' 'false'

# --- what only ours has
mutate "what theirs calls lost is no conflict" shipper/adoption.rs \
    'self.overlaps(file, start, gap.end.unwrap_or(u64::MAX)).next()' 'None'
mutate "nothing is compared" shipper/adoption.rs \
    '(start < end).then(ours)' 'None'
mutate "the rest of a file is dropped" shipper/adoption.rs \
    '(range.end > reached.end || ends)' 'false'
mutate "a file that theirs never began is dropped" shipper/adoption.rs \
    'return @@Some(range.start)@@ };' 'None'
mutate "a file's end is dropped" shipper/adoption.rs \
    'range.is_final && range.end == reached.end && !reached.is_final' 'false'
mutate "what theirs has is sealed again" shipper/adoption.rs \
    'range.start.max(reached.end)' 'range.start'
mutate "gaps are dropped" shipper/adoption.rs \
    '(reached.closed.is_none() && !over)' 'false'
mutate "gaps of no file are dropped" shipper/adoption.rs \
    'return @@Some(gap.start)@@;' 'None'
mutate "what is final is forgotten" agent/repack.rs \
    'exchange.decide(&said)?' 'exchange.decide(&[])?'
mutate "differing bytes are one history" agent/adopt.rs \
    '!content(&theirs).zip(content(&held.1)).is_some_and(|(a, b)| same(&a, &b, *start, *end))' 'false'
mutate "a decided exchange is given up" spool/turnover.rs \
    'folder.names()?.iter().any(|name| name == DECIDED || name == RENAMING)' 'false'
mutate "the old objects stay" spool/turnover.rs \
    'object_name::parse(origin, name).is_some()' 'false'

mutate "a note behind other bytes is looked for at one key" agent/readback.rs \
    'other.seq == key.seq && other != key' 'false'

# --- uploads
mutate "it is sent at once" shipper/upload.rs \
    'State::Held { until } if @@until <= now@@ => {' 'true'
mutate "who has sent something adopts" shipper/upload.rs \
    'Verdict::Rival(_) if @@!self.sent@@ =>' 'true'
mutate "that a chain was begun twice isn't told" shipper/upload.rs \
    'let fork = if @@key.seq == 0@@ {' 'false'
mutate "one wrong answer moves an object" shipper/upload.rs \
    'self.place.foreign < LOOKS' 'false'
mutate "a stranger's seal counts as ours" shipper/upload.rs \
    'found.seal.key != *ours.signer' 'false'
mutate "a seal of another seq counts as a rival" shipper/upload.rs \
    '(&found.seal.origin, found.seal.seq) != (&key.origin, key.seq)' 'false'
mutate "our own seal behind other bytes is a rival" shipper/upload.rs \
    'found.hash == ours.hash' 'false'
mutate "what is stored isn't known when the head is asked for" shipper/upload.rs \
    'self.known.max(Some(front.seq))' 'self.known'
mutate "there is one alternate" shipper/upload.rs \
    'self.place.nth + 1' '1'
mutate "the store's word counts though it is to be read" shipper/upload.rs \
    'if @@self.read_back@@ {' 'false'

# --- what is read, and when
mutate "a full spool is read for" shipper/shipper/mod.rs \
    'busy || waiting || self.spool_full' 'busy || waiting'
mutate "a stop doesn't wait for the look under way" shipper/look.rs \
    'self.stale = @@self.began.is_some()@@;' 'false'

judge "shipper spool agent" "shipper:adoption shipper:protocol shipper:lacking shipper:found shipper:rivals shipper:rest shipper:pins shipper:lib" "shipper:limits spool:lib" \
    "agent:squatted agent:doubles agent:lost agent:hidden" "agent:lib" -- "$@"
