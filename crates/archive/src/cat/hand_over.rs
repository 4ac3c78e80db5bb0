//! The second pass: each batch is fetched, checked, and handed to whoever writes it.

use std::sync::Arc;

use auditseal_chain::{Finding, Verdict};
use auditseal_format::{FileId, Seal, WrongTimes};
use auditseal_reader::{Batch, Blocks, Entry, Error, IN_FLIGHT, PackCursor, Packs};
use futures::StreamExt as _;

use super::Run;
use super::plan::{Plan, runs};
use super::writer::{Mode, Writer};
use crate::progress::Progress;

impl<P: Fn(Progress)> Run<'_, P> {
    /// The second pass: fetches in the plan's order and hands over what was checked.
    pub(super) async fn send(
        &mut self,
        plan: &Plan,
        (entries, packs): (&[Entry], &Packs),
        writer: &mut Writer,
    ) -> Result<(), Error> {
        self.done.total = self.done.total.saturating_add(plan.fetches());
        let (source, origin) = (self.source.clone(), self.origin.clone());
        // Room is waited for in the plan's order, and given back when an object was handed over: so none
        // waits for one behind it.
        let held = &source;
        let steps = futures::stream::iter(plan.steps()).then(|(files, batch)| async move {
            let room = if batch.packed { None } else { held.room(batch.size).await };
            (Arc::<[FileId]>::from(files), batch, room)
        });
        let objects = steps.map(|(files, batch, room)| {
            let fetch =
                (!batch.packed).then(|| batch.clone().fetch(source.clone(), origin.clone()));
            // A task of its own: it goes on while this one waits for the writer.
            let task = fetch.map(|fetch| Task(tokio::spawn(fetch)));
            async move {
                let ready = match task {
                    Some(task) => Some(task.result().await),
                    None => None,
                };
                (files, batch, ready, room)
            }
        });
        let mut objects = std::pin::pin!(objects.buffered(IN_FLIGHT));
        let salvage = self.options.salvage;
        let times = self.checks_times(true);
        let cursor = if times { PackCursor::with_times() } else { PackCursor::default() };
        let mut cursor = cursor.along(plan.turns(packs));
        while let Some((files, batch, ready, _room)) = objects.next().await {
            let size = batch.size;
            let Some(ready) = ready else {
                let held = (&batch, packs, &mut cursor);
                match self.hand_over_packed(&files, held, entries, writer).await {
                    Ok(true) => self.step(size),
                    Ok(false) => break,
                    Err(Error::Store(error)) if salvage => self.unproved.unread(&error),
                    Err(error) if salvage => self.unproved.push(error.to_string()),
                    Err(error) => return Err(error),
                }
                continue;
            };
            let checked = match ready {
                Ok(fetched) => fetched.check().await,
                Err(error) => Err(error),
            };
            match checked {
                Ok(checked) if self.hand_over(&files, &checked, writer).await? => self.step(size),
                Ok(_) => break,
                // It was whole when all was looked at: the store gives other bytes, or none, now.
                Err(Error::Store(error)) if salvage => self.unproved.unread(&error),
                Err(error) if salvage => self.unproved.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the writer takes more.
    async fn hand_over(
        &self,
        files: &[FileId],
        blocks: &Blocks,
        writer: &mut Writer,
    ) -> Result<bool, Error> {
        let seal = &blocks.seal;
        let check_times = self.checks_times(blocks.timed);
        for files in runs(&seal.seal.ranges, files) {
            let files = Arc::from(files);
            for mode in self.modes(blocks.timed, &seal.seal) {
                let place = (blocks.place, false);
                let sent = writer.open(place, seal, &files, mode, check_times).await
                    && blocks.pieces(async |piece| writer.blocks(piece).await).await?
                    && writer.close().await;
                if !sent {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The same of a batch in a pack. Where the pack doesn't have the signed lines, which shows before any of them is handed
    /// over, an object of the batch's own may.
    async fn hand_over_packed(
        &mut self,
        files: &[FileId],
        (batch, packs, cursor): (&Batch, &Packs, &mut PackCursor),
        entries: &[Entry],
        writer: &mut Writer,
    ) -> Result<bool, Error> {
        let place = batch.place;
        let seal = match cursor.seal(packs, batch).await {
            Err(Error::Found(fault)) => {
                let Some(given) = self.loose(files, batch, entries, writer).await else {
                    return Err(Error::Found(fault));
                };
                if cursor.broke() {
                    self.stood_in(packs, place.seq, fault);
                }
                return given;
            }
            sealed => sealed?,
        };
        if self.checks_times(batch.timed) {
            let verdict = Verdict::WrongTimes;
            let wrong =
                |why: WrongTimes| Error::found(self.origin, place, verdict, &why.to_string());
            cursor.times().map_err(wrong)?;
        }
        for files in runs(&seal.seal.ranges, files) {
            let files = Arc::from(files);
            for mode in self.modes(batch.timed, &seal.seal) {
                let sent = writer.open((place, true), &seal, &files, mode, false).await
                    && cursor
                        .payload(packs, batch, async |piece| writer.payload(piece).await)
                        .await?
                    && writer.close().await;
                if !sent {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// A pack isn't as attested any more, and what it held was given all the same: that is told once all is given. Of one
    /// that is, and doesn't have the signed lines, `verify` says nothing either.
    fn stood_in(&mut self, packs: &Packs, seq: u64, mut fault: Box<Finding>) {
        let pack = packs.with(seq).map(|pack| pack.attested_at.clone());
        if !self.replaced.insert(pack.unwrap_or_default()) {
            return;
        }
        fault.detail.push_str(
            "; it was as attested when all was looked at, and the lines were given from objects of their own",
        );
        match self.options.salvage {
            true => self.unproved.push(fault.to_string()),
            false => self.broken = self.broken.take().or(Some(fault)),
        }
    }

    /// The same batch from an object of its own, where a pack doesn't have the signed lines; `None` if none has them.
    async fn loose(
        &self,
        files: &[FileId],
        batch: &Batch,
        entries: &[Entry],
        writer: &mut Writer,
    ) -> Option<Result<bool, Error>> {
        let seq = batch.place.seq;
        let from = entries.partition_point(|entry| entry.place.seq < seq);
        for entry in entries[from..].iter().take_while(|entry| entry.place.seq == seq) {
            let object = batch.in_object(entry);
            let fetched = object.fetch(self.source.clone(), self.origin.clone()).await;
            let checked = match fetched {
                Ok(fetched) => fetched.check().await,
                Err(error) => Err(error),
            };
            if let Ok(blocks) = checked {
                return Some(self.hand_over(files, &blocks, writer).await);
            }
        }
        None
    }

    /// Without a window nothing is chosen by times, and all lines go out, whatever their notes say of when. A salvage has
    /// held all times against the lines before, and told what is wrong; of some batches the trust file says that
    /// they are wrong.
    fn checks_times(&self, timed: bool) -> bool {
        timed && !self.options.salvage && !self.window.is_open()
    }

    /// What is done with a payload, one after the other.
    fn modes(&self, timed: bool, seal: &Seal) -> Vec<Mode> {
        match (self.window.is_open(), timed && self.window.covers(seal)) {
            (true, _) => vec![Mode::All],
            (false, true) => vec![Mode::AllLines],
            (false, false) => vec![Mode::Look(self.window), Mode::Kept],
        }
    }
}

/// A task that ends with whoever waits for it.
struct Task<T>(tokio::task::JoinHandle<T>);

impl<T> Task<T> {
    async fn result(mut self) -> T {
        match (&mut self.0).await {
            Ok(result) => result,
            // Nobody else can cancel it.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
