//! Packs of a test chain, and packs and attestations that are wrong: how a test makes what
//! `auditseal pack` would refuse to attest.

use std::ops::RangeInclusive;

use auditseal_format::packs::{
    Attestation, Attested, Blob, Cutter, Measure, PackDraft, PackKey, SignedAttestation,
    VerdictName,
};
use auditseal_format::{Compression, ForeignFrames, ObjectKey, ObjectSeal, SealedBatch};
use auditseal_note::Signer;

use crate::{Archive, Chain, TestSigner, frame_header, raw_block, resign};

/// Most bytes that a block of a pack made here has.
const BLOCK: usize = 100_000;

/// A pack, and what is to be attested of it.
#[derive(Debug, Clone)]
pub struct TestPack {
    /// What is attested. The signer's key is set when it is signed.
    pub attestation: Attestation,
    /// The texts of its objects, in order.
    pub texts: Vec<Vec<u8>>,
    /// The pack.
    pub bytes: Vec<u8>,
}

impl TestPack {
    /// The packs of a chain, cut as FORMAT.md says, up to the newest object for which a later seal is
    /// there.
    #[must_use]
    pub fn all(chain: &Chain) -> Vec<Self> {
        let mut cutter = Cutter::new();
        let mut packs = Vec::new();
        for seq in 0..chain.batches().count() {
            let cut = cutter.take(measure(chain, seq));
            let seqs = cut.map(|cut| (at(cut.first), at(cut.last)));
            packs.extend(seqs.map(|(first, last)| Self::of(chain, first..=last)));
        }
        packs
    }

    /// A pack of these objects of a chain, wherever it should be cut. It is attested as soon as the chain's
    /// newest object is sealed.
    ///
    /// # Panics
    /// When there are no such objects, or they can't be packed together.
    #[must_use]
    pub fn of(chain: &Chain, seqs: RangeInclusive<usize>) -> Self {
        let mut cutter = Cutter::within(u64::MAX, u64::MAX);
        for seq in seqs.clone() {
            assert_eq!(cutter.take(measure(chain, seq)), None, "one pack");
        }
        let cut = cutter.hole().expect("objects");
        let (mut texts, mut bytes) = (Vec::new(), Vec::new());
        let level = Compression::default();
        let mut draft = PackDraft::new(level, cut, &mut bytes).expect("zstd settings");
        for seq in seqs {
            let (text, seal) = (text_of(chain.get(seq)), seal_of(chain.get(seq)));
            let payload = text.len() - seal.line().len();
            draft.payload(&text[..payload], &mut bytes).expect("zstd compresses");
            draft.seal(&seal, &mut bytes).expect("zstd compresses");
            texts.push(text);
        }
        let attestation = draft.finish().expect("all objects came");
        let attested = chain.now();
        Self { attestation: Attestation { attested, ..attestation }, texts, bytes }
    }

    /// Attests something else.
    #[must_use]
    pub fn attesting(mut self, edit: impl FnOnce(&mut Attestation)) -> Self {
        edit(&mut self.attestation);
        self
    }

    /// With other texts: the pack is made of raw blocks then, and rightly attested.
    #[must_use]
    pub fn edited(mut self, edit: impl FnOnce(&mut Vec<Vec<u8>>, &mut Attestation)) -> Self {
        edit(&mut self.texts, &mut self.attestation);
        let text = self.texts.concat();
        self.attestation.text = text.len() as u64;
        let last = self.attestation.batches.last().map_or(0, |batch| at(batch.seal.into()));
        self.bytes = frame(&text, last.min(text.len()));
        self.bound()
    }

    /// The index of its lines.
    ///
    /// # Panics
    /// When there are more terms than an index may have.
    #[must_use]
    pub fn index(&self) -> Vec<u8> {
        let mut index = auditseal_index::Builder::new(self.attestation.first);
        for (text, batch) in self.texts.iter().zip(&self.attestation.batches) {
            index.text(&text[..text.len() - at(batch.seal.into())]);
            index.end_batch();
        }
        index.finish().expect("few terms")
    }

    /// With other bytes, which are attested.
    #[must_use]
    pub fn with_bytes(mut self, bytes: Vec<u8>) -> Self {
        self.bytes = bytes;
        self.bound()
    }

    fn bound(mut self) -> Self {
        self.attestation.pack = Blob::of(&self.bytes);
        self
    }

    /// The key of the pack.
    #[must_use]
    pub fn key(&self) -> String {
        self.attestation.pack_key()
    }

    /// The attestation as its auditor signs it.
    ///
    /// # Panics
    /// When it can't be attested; [`TestPack::signed_as`] signs anything.
    #[must_use]
    pub fn signed(&self, auditor: &TestSigner) -> SignedAttestation {
        let signed = SignedAttestation::sign(self.attestation.clone(), &mut auditor.clone());
        signed.expect("what can be attested; use TestPack::signed_as for what can't")
    }

    /// An attestation with another text, whatever it says, at the key where it would count.
    #[must_use]
    pub fn signed_as(
        &self,
        auditor: &TestSigner,
        edit: impl FnOnce(&str) -> String,
    ) -> (String, Vec<u8>) {
        let mut attestation = self.attestation.clone();
        attestation.key = auditor.key().clone();
        let note = resign(&edit(&attestation.text()), &mut auditor.clone()).into_bytes();
        (self.name().attestation(&note), note)
    }

    /// What keys of this pack and of its attestations begin with.
    #[must_use]
    pub fn name(&self) -> PackKey {
        self.attestation.name()
    }

    /// Puts the pack and its attestation into a root of packs.
    pub fn put(&self, auditor: &TestSigner, packs: &mut Archive) {
        packs.insert(self.key(), self.bytes.clone());
        self.attest(auditor, packs);
    }

    /// Puts the attestation alone.
    pub fn attest(&self, auditor: &TestSigner, packs: &mut Archive) {
        let signed = self.signed(auditor);
        packs.insert(signed.key(), signed.note.into_bytes());
    }
}

/// A root of packs with these packs, rightly attested.
#[must_use]
pub fn packs_of(packs: &[TestPack], auditor: &TestSigner) -> Archive {
    let mut root = Archive::new();
    packs.iter().for_each(|pack| pack.put(auditor, &mut root));
    root
}

/// The text of an object: payload and seal line.
///
/// # Panics
/// When it isn't one.
#[must_use]
pub fn text_of(batch: &SealedBatch) -> Vec<u8> {
    let size = u64::from_le_bytes(batch.bytes[6..14].try_into().expect("a frame header"));
    let mut text = vec![0; at(size) + 1];
    let mut frames = ForeignFrames::new(23).expect("zstd's memory");
    let (mut read, mut written) = (0, 0);
    loop {
        let step = frames.decode(&batch.bytes[read..], &mut text[written..]);
        (read, written) = (read + step.consumed, written + step.produced);
        if step.done {
            text.truncate(written);
            return text;
        }
        assert!(step.consumed + step.produced > 0, "an object that decompresses");
    }
}

/// A pack's frame around a text: raw blocks, the last of so many bytes.
#[must_use]
pub fn frame(text: &[u8], last: usize) -> Vec<u8> {
    let (before, line) = text.split_at(text.len() - last);
    let mut bytes = frame_header(21, text.len() as u64).to_vec();
    before.chunks(BLOCK).for_each(|block| bytes.extend(raw_block(block)));
    let mut end = raw_block(line);
    end[0] |= 1;
    bytes.extend(end);
    bytes
}

/// Attests a finding of a pack about the object of a seq, and the hash of its note.
///
/// # Panics
/// When `verdict` can't be one's name.
pub fn attest_finding(attestation: &mut Attestation, verdict: &str, seq: u64, of: Option<&Chain>) {
    let verdict = VerdictName::new(verdict).expect("A–Z and _");
    let hash = of.map(|chain| chain.get(at(seq)).hash);
    let detail = "seen when it was packed".to_owned();
    let found = Attested { verdict, seq, through: None, hash, detail };
    attestation.found.push(found);
    attestation.findings += 1;
}

fn measure(chain: &Chain, seq: usize) -> Measure {
    let key = ObjectKey::parse(&chain.key(seq)).expect("an object's key");
    Measure::of(&seal_of(chain.get(seq)), key.date)
}

fn seal_of(batch: &SealedBatch) -> ObjectSeal {
    ObjectSeal::read(&batch.bytes).expect("a correctly sealed object")
}

fn at(number: u64) -> usize {
    usize::try_from(number).expect("a small pack")
}
