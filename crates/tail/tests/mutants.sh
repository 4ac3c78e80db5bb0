#!/usr/bin/env bash
# Sabotages the follower in one place at a time and asks whether a test notices: crates/tidy/mutants.
# With words as arguments: only the mutations whose names hold one of them.
. "$(dirname "${BASH_SOURCE[0]}")/../../tidy/mutants/lib.sh"

# --- what the look hands out, and when
mutate "no proof after the reads of a cut" tail/follower/plain.rs \
    '!proves(&*source, proof)?' 'false'
mutate "a rename ends no file" tail/follower/plain.rs \
    '(self.closed(carrier) && ends_with_newline(source, end)?)' 'false'
mutate "what the disk refuses is given up at once" tail/follower/plain.rs \
    'self.now - trouble.since >= self.settings.linger' 'true'
mutate "an anchor isn't asked" tail/follower/mod.rs \
    'Ok(crate::scan::anchor_at(file, offset)? == Some(anchor))' \
    'Ok(crate::scan::anchor_at(file, offset)?.is_some())'
mutate "no linger" tail/follower/mod.rs \
    'self.draining() || quiet || self.crowded()' 'true'
mutate "a deleted live file isn't waited for" tail/follower/mod.rs \
    'Standing::Deleted => self.draining() || (quiet && @@self.is_elsewhere()@@)' 'true'
mutate "no second look for the tail" tail/follower/mod.rs \
    'carrier.calm() >= 2' 'true'
mutate "unseen files aren't settled" tail/follower/mod.rs \
    'self.settle_unseen(&mut look)' '()'
mutate "no place before others" tail/follower/take.rs \
    'self.before(&file)' 'None'
mutate "files in no order" tail/follower/take.rs \
    'active.sort_unstable()' '()'
mutate "vanished files aren't waited for" tail/follower/take.rs \
    'self.carriers.missing().any(vanished)' 'false'
mutate "damaged compressed files aren't waited for" tail/follower/take.rs \
    'damaged(c) || untold(c)' 'untold(c)'
mutate "what another file may tell of isn't waited for" tail/follower/take.rs \
    'damaged(c) || untold(c)' 'damaged(c)'
mutate "what has grown amid a comparison is a piece" tail/follower/piece.rs \
    '(begun.id, begun.file, begun.end) == (id, file, end)' '(begun.id, begun.file) == (id, file)'
mutate "a piece doesn't wait for listings" tail/follower/assign.rs \
    'untold.is_some() && self.may_be_shown(id)' 'false'
mutate "a piece waits for no more listings where names don't rest" tail/follower/asking.rs \
    'asked.first.max(altered)' 'asked.first'
mutate "a piece waits for names that never rest" tail/follower/asking.rs \
    'listings - asked.first < UNRESTFUL' 'true'
mutate "a piece waits for a listing that can't be made" tail/follower/asking.rs \
    'self.directory.is_listed()' 'true'
mutate "nobody lists for a piece that waits" tail/follower/refresh.rs \
    'self.asks_listings()' 'false'
mutate "a log that was compressed since isn't asked" tail/follower/piece.rs \
    'all.min_by_key(|seen| seen.role.packed() != role.packed())' \
    '{ let mut all = all; all.find(|seen| seen.role.packed() == role.packed()) }'
mutate "a backup that is shifted twice is gone" tail/follower/vanished.rs \
    'self.carriers.of_inode(gone.key).any(|c| shifted(&c))' 'false'
mutate "a numbered backup is gone though names don't rest" tail/follower/vanished.rs \
    'self.may_be_shifted(carrier)' 'false'
mutate "a numbered backup is never gone while names don't rest" tail/follower/vanished.rs \
    'u64::from(carrier.misses()) < UNRESTFUL' 'true'
mutate "what has a gone file's inode is its copy" tail/follower/vanished.rs \
    '!reused(c.id)' 'true'
mutate "younger files don't wait" tail/follower/take.rs \
    'waiting = true' 'waiting |= false'
mutate "a renamed file isn't asked" tail/follower/inspect.rs \
    'carrier.is_live() || carrier.stirred()' 'carrier.is_live()'
mutate "unlinked files aren't held" tail/follower/release.rs \
    'self.settled(carrier) && self.lingered(carrier, &file)' \
    'carrier.unlinked() || self.settled(carrier) && self.lingered(carrier, &file)'
mutate "closed before it is sealed" tail/follower/release.rs \
    'account.is_committed()' 'true'

mutate "a live file that was over once is let go of" tail/follower/release.rs \
    'carrier.is_live() && !self.draining()' 'false'
mutate "what takes many looks to be known is lost meanwhile" tail/follower/mod.rs \
    'self.work == 0' 'false'
mutate "a copy that was known is forgotten" tail/accounts/account.rs \
    'mark.filter(|mark| mark.0 <= self.taken && !self.ends.contains(mark))' 'None'

# --- what is lost
mutate "one miss is enough for a file that was begun" tail/follower/settle.rs \
    'misses < MISSES' 'false'
mutate "one miss is enough for a file that wasn't opened" tail/follower/vanished.rs \
    'carrier.misses() < MISSES' 'false'
mutate "one miss is enough for two views" tail/follower/compare.rs \
    'self.watch.missed() < MISSES' 'self.watch.missed() < 1'
mutate "a short gzip is whole" tail/follower/vanished.rs \
    'account.taken < expected' 'false'
mutate "a begun file under a strange name is deleted" tail/follower/settle.rs \
    'reason == GapReason::DeletedBeforeRead && self.directory.has_strangers()' 'false'
mutate "an unread file under a strange name is deleted" tail/follower/vanished.rs \
    'self.directory.has_strangers()' 'false'
mutate "what was truncated owes nothing in its copy" tail/accounts/account.rs \
    'self.owes.or(lost.filter(|reason| *reason == GapReason::Truncated))' 'self.owes'

# --- listings
mutate "no second listing" tail/follower/refresh.rs \
    'self.settings.limits.relists' '1'
mutate "a missing live file is believed at once" tail/follower/refresh.rs \
    'live.is_none() || shown.has_wanted' 'true'
mutate "gzip beside plain is complete" tail/follower/shown.rs \
    '!packed(sight) || (plain.binary_search(&stands).is_err() && !beside(stands))' 'true'
mutate "a refusal is no gap" tail/follower/refresh.rs \
    'why.may_hold_lines()' 'false'
mutate "a refusal is told with each listing" tail/follower/refresh.rs \
    'before.get(&name) != Some(&sight.key)' 'true'
mutate "what is refused is opened" tail/follower/shown.rs \
    'match @@refusal@@ {' 'None'
mutate "a stranger is named with each listing" tail/follower/refresh.rs \
    '!self.directory.strangers.contains(stranger)' 'true'

# --- reports
mutate "reports aren't waited for" tail/follower/watch.rs \
    'self.asked.is_some_and(|asked| first_listing > asked)' 'false'
mutate "the first start is blind" tail/follower/watch.rs \
    'notices.lost && began' 'notices.lost'
mutate "a name reported twice is one file" tail/follower/watch.rs \
    '!self.stand.insert((folder, *role))' \
    '{ self.stand.insert((folder, *role)); false }'
mutate "no barrier before what a gap stands for" tail/follower/watch.rs \
    'self.blind.as_ref().map(|blind| blind.listing).or(self.broken)' \
    'self.blind.as_ref().map(|blind| blind.listing)'
mutate "blind since the last listing only" tail/follower/watch.rs \
    'Blind { since: now, listing, ended: listings, misses: 0, watched }' \
    'Blind { since: now, listing: listings, ended: listings, misses: 0, watched }'
mutate "a live file listed amid the reports has the first name" tail/carriers/mod.rs \
    'c.first_listing() <= listing' 'true'
mutate "a live file listed amid the reports has the next name" tail/follower/compare.rs \
    'if @@asked.live@@' 'false'
mutate "a live file that was renamed over has the next name" tail/follower/compare.rs \
    'self.live_lost(None, asked)' '()'
mutate "what a file was called before isn't told" tail/watcher.rs \
    'self.left.remove(&cookie)' 'None::<usize>'
mutate "a copy doesn't name a vanished file" tail/follower/compare.rs \
    '!carrier.is_listed() && carrier.age() == Age::Live && copy.age().is_unique()' 'false'
mutate "live files that nobody saw aren't counted" tail/follower/turns.rs \
    'came > listed' 'false'
mutate "each live file that nobody saw is a gap" tail/follower/turns.rs \
    'other == id && look - at <= 1' 'true'
mutate "a compressed file is nothing that was there" tail/follower/compare.rs \
    'self.was_plain(c, seen)' 'false'

# --- carriers
mutate "an inode is a file" tail/carriers/matching.rs \
    '(name || carrier.age().becomes(&age))
        && sight.size >= carrier.size()' 'true'
spare "it concerns files that wait for a descriptor, and those are few and told by their names, too" \
    "a live file's inode isn't given again" tail/carriers/matching.rs \
    '(!carrier.is_gone() || age.is_unique())' 'true'
mutate "the order of names" tail/carriers/matching.rs \
    'c.is_listed() && (c.is_live() || c.is_recent(carriers.looks))' 'c.is_listed()'
mutate "a finished file doesn't grow" tail/carriers/matching.rs \
    'done.size() == sight.size' 'true'
mutate "a held inode is asked for its name" tail/carriers/listing.rs \
    'if @@known.is_held()@@ {
                return Some(id)' \
    'known.is_held() && same(known, sight, role.age)'
mutate "a reported file stands last" tail/carriers/mod.rs \
    'self.place(&sight, newer)' 'self.last_order()'
spare "a report that comes behind two listings finds the account's name" \
    "names that were lost are forgotten" tail/carriers/mod.rs \
    'self.past.contains_key(&(folder.id, *role))' 'false'
mutate "a live file that lost its name is live" tail/carriers/carrier.rs \
    'self.phase == Phase::Open(Standing::Live)' 'false'
mutate "a former folder's live file is live" tail/carriers/listing.rs \
    'self.current().any(|current| current.id == folder)' 'true'
mutate "a former folder is left at once" tail/carriers/mod.rs \
    '!used(folder.id)' 'true'
mutate "quiet since the look began" tail/carriers/carrier.rs \
    'std::mem::take(&mut self.stirred)' '{ self.stirred = false; false }'
mutate "what is missing isn't counted" tail/carriers/unopened.rs \
    'those(Place::Missing).collect()' 'BTreeSet::new()'
mutate "what was opened counts as unread" tail/carriers/unopened.rs \
    'self.count(carrier, false)' '()'

# --- accounts
mutate "only the last end of a file is known" tail/accounts/mod.rs \
    'finished.marks().any(|end| end == mark)' 'finished.end() == mark'
mutate "a start forgets earlier ends" tail/accounts/finished.rs \
    'self.earlier.get_or_insert_default().0.push(end)' '()'

# --- limits
mutate "nothing is left though files wait" tail/follower/mod.rs \
    'self.carriers.waiting_count() > 0 || self.crowded() || self.copies_wait()' \
    'self.crowded() || self.copies_wait()'
mutate "any number of files is begun" tail/follower/mod.rs \
    'self.accounts.unfinished() >= self.settings.limits.begun' 'false'
mutate "new files don't wait for those that are begun" tail/follower/take.rs \
    'self.accounts.unfinished() >= limits.begun + limits.begun_spare' 'false'
mutate "any number of files is held" tail/follower/release.rs \
    'self.carriers.held_count() < self.settings.limits.open' 'true'
mutate "the live file waits for a descriptor" tail/follower/refresh.rs \
    '!live && !self.has_room(untold, look)' '!self.has_room(untold, look)'
mutate "the live file is opened last" tail/follower/refresh.rs \
    'return @@waiting.take(most.saturating_add(1)).collect()@@' \
    '{
        let mut all: Vec<u64> = self.carriers.waiting().collect();
        all.sort_by_key(|id| self.carriers.get(*id).is_some_and(|c| c.is_live()));
        all
    }'
mutate "what is archived isn't looked for first" tail/follower/refresh.rs \
    'nothing_new || self.carriers.waiting_count() <= most' 'true'
mutate "a busy machine lists at each look" tail/follower/refresh.rs \
    'pause.max((9 * self.directory.took).min(SLOW * pause))' 'pause'
mutate "what the live file became isn't looked for first" tail/follower/refresh.rs \
    'others.len().saturating_sub(most / 2)' 'others.len()'
mutate "lost though files wait for descriptors" tail/follower/settle.rs \
    'self.carriers.waiting_count() > 0' 'false'
mutate "unread files are given up before others" tail/follower/release.rs \
    'settled.or(unlinked.first().copied())' 'unlinked.first().copied()'
mutate "finished files are forgotten though they are there" tail/follower/release.rs \
    'there.has(&at)' 'false'
mutate "any amount is decoded in one look" tail/unpack.rs \
    '*work == 0' 'false'
mutate "any number of former folders" tail/fs/disk.rs \
    'left.len() > self.limits.former_folders' 'false'
mutate "what isn't read before others waits for a live file" tail/follower/mod.rs \
    'self.carriers.has_live() || @@self.disk.leads_beyond()@@' 'false'
mutate "all is taken though the path isn't followed" tail/follower/mod.rs \
    '|| self.stale()
            || @@self.disk.leads_beyond()@@' 'false'
mutate "reports are of what is read" tail/follower/compare.rs \
    'held && self.disk.leads_beyond()' 'false'
mutate "what was held was heard in time" tail/follower/compare.rs \
    'deaf || held' 'deaf'
mutate "any number of reports is held" tail/follower/watch.rs \
    'self.reported.len() > HELD' 'false'
mutate "any number of reports is kept" tail/watcher.rs \
    'self.notices.events.len() < self.limits.notices' 'true'
mutate "a restless writer is read for ever" tail/queue.rs \
    'left -= 1' '()'

# --- copies that are renamed over the log
mutate "a longer copy is asked at its end only" tail/follower/likeness.rs \
    'self.accounts.get(&file).map_or(&[][..], |account| account.marks())' '(&[][..])'
mutate "the shorter proof counts" tail/follower/assign.rs \
    'Verdict::Same if @@self.is_nearer(id, head, file, &busy, look)?@@' 'false'
mutate "what only begins alike is near" tail/follower/assign.rs \
    'beyond.is_some_and(|length| common <= length)' 'false'
mutate "a comparison that is under way is begun anew" tail/follower/assign.rs \
    'self.compares(id, file)' 'false'
mutate "what differs is compared again" tail/follower/likeness.rs \
    'carrier.differs(other)' 'false'
mutate "a longer copy is told at its end only" tail/follower/likeness.rs \
    'at > size && carrier.passed(file) != Some(size)' 'false'
mutate "a shorter copy isn't waited for" tail/follower/assign.rs \
    'self.catches_up(id, &head, &file)?' 'false'
mutate "a shorter copy is let go of" tail/follower/assign.rs \
    'carrier.is_live() && !self.draining() && carrier.size() < taken' 'false'
mutate "a replaced file is said nothing of" tail/follower/assign.rs \
    'over && old.standing() == Standing::Deleted' 'false'
mutate "of two copies the one that is listed goes on" tail/follower/assign.rs \
    'false => @@new.size() > old.size()@@' 'new.is_listed() && !old.is_listed()'
mutate "a longer file waits for one that is there" tail/follower/assign.rs \
    'new.size() > old.size()' '!old.is_listed() && new.size() > old.size()'
mutate "copies are asked before the log" tail/follower/identify.rs \
    'live.into_iter().chain(others)' 'others.into_iter().chain(live)'
mutate "what waits for another file is no lag" tail/follower/mod.rs \
    'State::Standby(..) => (0, false)' 'State::Standby(..) => return 0'
mutate "who drains knows of nothing that was there" tail/follower/compare.rs \
    'if self.draining() { seen } else { before }' 'before'
mutate "the first listing shows all" tail/follower/compare.rs \
    'if self.draining() { seen } else { before }' 'seen'
mutate "a link is a file" tail/carriers/mod.rs \
    'folder.link.as_deref() == Some(name)' 'false'
mutate "a copy that is cut amid its marks is another file" tail/follower/assign.rs \
    'proves(&*source, first)?' 'true'
mutate "two files for one account" tail/follower/assign.rs \
    'carrier.prove(file, carrier.size(), None);
            }
            @@carrier.stand_by(file, head)@@' '()'
mutate "copies that a mirror leaves are held" tail/follower/release.rs \
    'quiet && !carrier.is_listed() && carrier.is_copy(file)' 'false'
spare "the next look compares again before it reads" \
    "a file cut amid a comparison is another" tail/follower/likeness.rs \
    'proves(source, proof)?' 'true'
spare "each read proves the file once more" \
    "no proof after a judgement" tail/follower/assign.rs \
    'proves(&*source, Some((head.end, head.anchor)))?' 'true'

# --- compressed files, takes, names
mutate "a compressed file's anchor isn't asked" tail/follower/packed.rs \
    'Skip::Reached if @@here == anchor@@' 'true'
mutate "what goes on otherwise behind a former end is a copy" tail/follower/assign.rs \
    'proved == Some(end) || (proved.is_some() && !another)' 'proved.is_some()'
mutate "what ends amid a late append is another file" tail/follower/assign.rs \
    'proved == Some(end) || (proved.is_some() && !another)' 'proved == Some(end)'
mutate "a damaged compressed file is taken at once" tail/follower/packed.rs \
    '(end.is_some() && over)' 'end.is_some()'
mutate "what is ignored behind the last member isn't told" tail/follower/packed.rs \
    'unpack.ignored().filter(|_| last)' 'None'
mutate "a take holds whatever was done to its file" tail/content.rs \
    'anchor_at(&**file, offset).map_err(ReadError::Io)?.as_ref() == Some(anchor)' \
    'anchor_at(&**file, offset).map_err(ReadError::Io)?.is_some()'
mutate "no take holds" tail/content.rs \
    'anchor_at(&**file, offset).map_err(ReadError::Io)?.as_ref() == Some(anchor)' 'false'
mutate "numbers end at 999" tail/stamp.rs \
    'digits.len() == 1 || digits.first() != Some(&b'\''0'\'')' \
    'digits.len() == 1 || digits.len() < 4 && digits.first() != Some(&b'\''0'\'')'
mutate "no name is compressed and rotated again" tail/names.rs \
    'age.again(again)?' 'return None'
mutate "any number is a stamped file's first" tail/age.rs \
    'first.0 <= 1' 'true'

# --- the real disk
mutate "what is opened isn't judged" tail/fs/folder.rs \
    'owners.refuse(found, &folder, live).map_or(Ok(()), |why| Err(refused(why)))' 'Ok(())'
mutate "anybody's second name is read" tail/fs/owners.rs \
    '@@!alone || !lent@@).then_some' '!alone'
mutate "a folder is never left" tail/fs/disk.rs \
    'used.id != folder || !used.former' 'true'
mutate "two sources read one file" tail/fs/claims.rs \
    'claim.who != self.who && wanted.iter().any(both)' 'false'

t() { printf "tail:%s " "$@"; }
judge tail "$(t waiting losses replaced rules short gzip twins finals standings regressions rare)" "$(t lib real path)" \
    "tail:siblings" "tail:interleavings" "tail:*" -- "$@"
