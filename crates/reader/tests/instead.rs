//! A pack that isn't as attested, and others that hold what it should.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::sync::Arc;

use auditseal_chain::{Extent, Rules, Trust};
use auditseal_doubles::MemoryStore;
use auditseal_format::packs::SignedAttestation;
use auditseal_note::Signer as _;
use auditseal_reader::{
    Batch, Depth, Error, How, IN_FLIGHT, PackCursor, PackRoot, PackedLines, Packs, Payloads,
    Reading, Sealed, Source, Step,
};
use auditseal_vectors::packs::TestPack;
use auditseal_vectors::{Chain, Piece, TestSigner, events};

const DAY: i64 = 86_400;
/// More batches a day than payloads of a pack wait to be taken.
const BATCHES: u64 = 90;

fn auditor() -> TestSigner {
    TestSigner::named("auditor.example", 200)
}

/// So many days.
fn chain(days: u64) -> Chain {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    for day in 0..days {
        for batch in 0..BATCHES {
            let next = (day * BATCHES + batch) * 2;
            chain.wait(5);
            chain.batch(&[Piece::new("audit.log", events(next..next + 2))]);
        }
        chain.wait(DAY - 5 * BATCHES as i64);
    }
    // The date of a key is that of the seal before.
    for _ in 0..2 {
        chain.heartbeat();
        chain.wait(60);
    }
    chain
}

/// Where objects and packs stand: of the objects the genesis and the newest alone.
struct Desk {
    chain: Chain,
    archive: MemoryStore,
    packs: MemoryStore,
}

impl Desk {
    fn of(days: u64) -> Self {
        let (chain, archive) = (chain(days), MemoryStore::new());
        for seq in [0, chain.batches().count() - 1] {
            archive.insert(&chain.key(seq), chain.get(seq).bytes.clone());
        }
        Self { chain, archive, packs: MemoryStore::new() }
    }

    fn put(&self, pack: &TestPack) {
        self.packs.insert(&pack.key(), pack.bytes.clone());
        self.attest(pack);
    }

    fn attest(&self, pack: &TestPack) {
        let signed: SignedAttestation = pack.signed(&auditor());
        self.packs.insert(&signed.key(), signed.note);
    }

    async fn packs(&self) -> Packs {
        let root = PackRoot {
            source: Source::new(Arc::new(self.packs.clone())),
            auditors: vec![auditor().key().clone()],
            by_date: true,
        };
        Packs::read(&root, self.chain.origin(), Extent::default()).await.unwrap()
    }

    /// The seqs that are the chain's, the lines that came with them, and what was found.
    async fn read(&self, packed: PackedLines<'_>) -> (Vec<u64>, Vec<u8>, Vec<String>) {
        let (sealed, findings) = self.sealed(packed).await;
        let seqs = sealed.iter().map(|one| one.note.place.seq).collect();
        let lines = sealed.iter().flat_map(|one| one.lines.iter().flatten());
        (seqs, lines.flat_map(|piece| piece.to_vec()).collect(), findings)
    }

    async fn sealed(&self, packed: PackedLines<'_>) -> (Vec<Sealed>, Vec<String>) {
        let (packs, source) = (self.packs().await, Source::new(Arc::new(self.archive.clone())));
        let origin = self.chain.origin().clone();
        let mut listing =
            auditseal_reader::Listing::read(&source, std::slice::from_ref(&origin)).await.unwrap();
        let entries = listing.chains.remove(&origin).unwrap();
        let key = self.chain.current_signer().identity().clone();
        let trust = Trust::in_keys_for(&origin, &[key]);
        let rules = Rules::of(trust, Extent::default(), None);
        let payloads = Arc::new(Payloads::of(&rules.trust, None));
        let depth = match packed {
            PackedLines::None => Depth::Payload(&payloads),
            _ => Depth::Seal,
        };
        let how = How { depth, retention: None, concurrency: IN_FLIGHT, keep: u64::MAX, packed };
        let mut reading = Reading::new(&source, &origin, &entries, &packs, (rules, None), how);
        let mut sealed = Vec::new();
        while let Some(Step { accepted, error, .. }) = reading.next().await {
            assert!(error.is_none(), "{error:?}");
            sealed.extend(accepted);
        }
        let (last, report) = reading.finish(None);
        sealed.extend(last);
        let findings = report.findings.findings.iter().map(ToString::to_string).collect();
        (sealed, findings)
    }

    /// The batches of a pack, from objects that are all there.
    async fn batches(&self, pack: &TestPack) -> Vec<Batch> {
        let whole = Self { packs: MemoryStore::new(), archive: MemoryStore::new(), ..Self::of(1) };
        for (key, bytes) in whole.chain.archive() {
            whole.archive.insert(&key, bytes);
        }
        whole.put(pack);
        let (sealed, _) = whole.sealed(PackedLines::Later).await;
        let inside = pack.attestation.first..=pack.attestation.last;
        sealed.iter().filter(|one| inside.contains(&one.note.place.seq)).map(Batch::of).collect()
    }

    fn seqs(&self) -> Vec<u64> {
        (0..self.chain.batches().count() as u64).collect()
    }

    /// Packs of a few objects each, in the place of one.
    fn narrow(&self, pack: &TestPack, step: usize) {
        let (first, last) = (pack.attestation.first as usize, pack.attestation.last as usize);
        for from in (first..=last).step_by(step) {
            self.put(&TestPack::of(&self.chain, from..=last.min(from + step - 1)));
        }
    }
}

/// However many packs wait for their turn behind it.
#[tokio::test]
async fn what_others_hold_is_read_in_its_place() {
    let desk = Desk::of(5);
    let packs = TestPack::all(&desk.chain);
    assert_eq!(packs.len(), 5);
    for (nth, pack) in packs.iter().enumerate() {
        match nth {
            // Other bytes, lost, and wrong from the tenth object on.
            0 => {
                desk.narrow(pack, 7);
                desk.put(&pack.clone().with_bytes(vec![b'x'; 300]));
            }
            1 => {
                desk.narrow(pack, 70);
                desk.attest(pack);
            }
            2 => {
                desk.narrow(pack, 40);
                desk.put(&pack.clone().edited(|texts, attestation| {
                    texts.swap(9, 10);
                    attestation.batches.swap(9, 10);
                }));
            }
            _ => desk.put(pack),
        }
    }
    for packed in [PackedLines::None, PackedLines::All { times: true }, PackedLines::Later] {
        let (seqs, lines, findings) = desk.read(packed).await;
        assert_eq!(seqs, desk.seqs(), "{packed:?}");
        let all = matches!(packed, PackedLines::All { .. });
        assert_eq!(lines, if all { desk.chain.restored() } else { Vec::new() }, "{packed:?}");
        let told: Vec<&str> =
            findings.iter().map(|one| one.split(" key").next().unwrap()).collect();
        let named = [&packs[0], &packs[2]].map(|pack| {
            let (first, last) = (pack.attestation.first, pack.attestation.last);
            format!("TAMPERED origin=c/n/s seq={first}-{last}")
        });
        assert_eq!(told, named, "{packed:?}");
    }
}

/// Whoever wants the lines later gets them, each held against its seal.
#[tokio::test]
async fn lines_that_are_asked_for_later_come_from_where_they_are() {
    let desk = Desk::of(1);
    let pack = TestPack::all(&desk.chain).swap_remove(0);
    let batches = desk.batches(&pack).await;
    desk.narrow(&pack, 25);
    desk.put(&pack.clone().edited(|texts, attestation| {
        texts[3][3] ^= 0x20;
        texts.swap(9, 10);
        attestation.batches.swap(9, 10);
    }));
    let packs = desk.packs().await;
    let mut cursor = PackCursor::default();
    let mut lines = Vec::new();
    for batch in &batches {
        let seal = cursor.seal(&packs, batch).await.unwrap();
        assert_eq!(seal.seal.seq, batch.place.seq);
        let all = cursor.payload(&packs, batch, async |piece| {
            lines.extend_from_slice(&piece);
            true
        });
        assert!(all.await.unwrap());
    }
    assert_eq!(lines, desk.chain.restored());
    // What none holds isn't given out.
    let desk = Desk::of(1);
    desk.put(&pack.edited(|texts, _| texts[3][3] ^= 0x20));
    let packs = desk.packs().await;
    let mut cursor = PackCursor::default();
    assert!(cursor.seal(&packs, &batches[2]).await.is_ok());
    let refused = cursor.seal(&packs, &batches[3]).await.unwrap_err();
    assert!(matches!(refused, Error::Found(_)), "{refused}");
    assert!(refused.to_string().contains("TAMPERED"), "{refused}");
    assert!(cursor.seal(&packs, &batches[4]).await.is_ok());
}

/// Another history's note, of the same seq and rightly signed, isn't the one that was proved.
#[tokio::test]
async fn the_lines_of_another_note_arent_given_out() {
    let desk = Desk::of(1);
    let pack = TestPack::all(&desk.chain).swap_remove(0);
    let batches = desk.batches(&pack).await;
    let mut other = Chain::new("c/n/s", TestSigner::new(1));
    other.genesis();
    for n in 0..5 {
        other.wait(6);
        other.batch(&[Piece::new("audit.log", events(n..n + 1))]);
    }
    let theirs = TestPack::of(&other, 1..=5);
    let desk = Desk::of(1);
    desk.put(&pack.edited(|texts, attestation| {
        texts[4].clone_from(&theirs.texts[4]);
        attestation.batches[4].clone_from(&theirs.attestation.batches[4]);
    }));
    let packs = desk.packs().await;
    let mut cursor = PackCursor::default();
    assert!(cursor.seal(&packs, &batches[3]).await.is_ok());
    let refused = cursor.seal(&packs, &batches[4]).await.unwrap_err();
    assert!(refused.to_string().contains("another note"), "{refused}");
}

/// A signature covers what its note names as the one before it, and no more.
#[tokio::test]
async fn seals_alone_are_proved_by_those_behind_them() {
    let desk = Desk::of(1);
    let whole = TestPack::all(&desk.chain).swap_remove(0);
    // A digit of one note's signature, and one of its text, which the next one names.
    let edits: [(&[u8], usize, bool); 2] = [(b"c/n ", 20, false), (b"sealed ", 10, true)];
    let last = whole.texts.len() - 1;
    for nth in [4, last] {
        for (before, behind, named) in edits {
            let desk = Desk::of(1);
            let pack = whole.clone().edited(|texts, _| {
                let text = &mut texts[nth];
                let at = text.windows(before.len()).rposition(|found| found == before).unwrap();
                let byte = &mut text[at + behind];
                *byte = if *byte == b'1' { b'2' } else { b'1' };
            });
            desk.put(&pack);
            let (_, _, all) = desk.read(PackedLines::None).await;
            assert!(all.iter().any(|one| one.starts_with("TAMPERED")), "{nth} {named}: {all:?}");
            let (_, _, later) = desk.read(PackedLines::Later).await;
            let found = later.iter().any(|one| one.starts_with("TAMPERED"));
            // The signature of the last one says whose all the others are.
            let covered = !named && nth == 4;
            assert_eq!(found, !covered, "{nth} {named}: {later:?}");
            // So it is where lines come with their seals; and those before the one that nobody vouches for stand.
            let (seqs, lines, all) = desk.read(PackedLines::All { times: false }).await;
            let found = all.iter().any(|one| one.starts_with("TAMPERED"));
            assert_eq!(found, !covered, "{nth} {named}: {all:?}");
            let seq = pack.attestation.first + nth as u64;
            let whole = if covered { last } else { nth };
            assert!((pack.attestation.first..seq).all(|before| seqs.contains(&before)));
            assert_eq!(seqs.contains(&seq), covered, "{nth} {named}");
            assert!(lines == events(0..2 * whole as u64), "{nth} {named}: {} bytes", lines.len());
        }
    }
}

/// More objects, and more bytes, than wait for one signature: of each run the last one's is checked, and what it doesn't
/// vouch for isn't given out.
#[tokio::test]
async fn what_one_signature_vouches_for_is_bounded() {
    for (batches, lines) in [(700, 1), (8, 1200)] {
        let mut chain = Chain::new("c/n/s", TestSigner::new(1));
        chain.genesis();
        for n in 0..batches {
            chain.wait(5);
            chain.batch(&[Piece::new("audit.log", events(n * lines..(n + 1) * lines))]);
        }
        chain.wait(5);
        chain.heartbeat();
        let archive = MemoryStore::new();
        for seq in [0, chain.batches().count() - 1] {
            archive.insert(&chain.key(seq), chain.get(seq).bytes.clone());
        }
        let whole = TestPack::of(&chain, 1..=usize::try_from(batches).unwrap());
        let mut desk = Desk { chain, archive, packs: MemoryStore::new() };
        // Amid a run, at the end of one, and the last of all.
        let nth = [batches / 2, 255.min(batches - 2), batches - 1];
        for nth in nth.map(|nth| usize::try_from(nth).unwrap()) {
            for named in [false, true] {
                let pack = whole.clone().edited(|texts, _| {
                    let text = &mut texts[nth];
                    let (before, behind): (&[u8], _) =
                        if named { (b"sealed ", 10) } else { (b"c/n ", 20) };
                    let at = text.windows(before.len()).rposition(|found| found == before).unwrap();
                    let byte = &mut text[at + behind];
                    *byte = if *byte == b'1' { b'2' } else { b'1' };
                });
                desk.packs = MemoryStore::new();
                desk.put(&pack);
                let (seqs, text, _) = desk.read(PackedLines::All { times: true }).await;
                let all = desk.chain.restored();
                let before = events(0..nth as u64 * lines).len();
                assert!(seqs.starts_with(&(0..=nth as u64).collect::<Vec<_>>()), "{nth} {named}");
                assert!(text.len() >= before && all.starts_with(&text), "{nth} {named}");
                // A note that was altered vouches for nothing, and nobody for it.
                assert!(!named || text.len() == before, "{nth}: {} bytes", text.len());
            }
        }
    }
}
