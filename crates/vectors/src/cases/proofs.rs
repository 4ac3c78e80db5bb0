//! Proofs of events: FORMAT.md, "Event proofs".

use auditseal_format::{EventProof, ObjectSeal, SealedBatch, hash};

use super::{LOG, ORIGIN, neighbour, signer, started, stranger};
use crate::chain::head_text;
use crate::{Chain, Parts, Piece, ProofVector, TestSigner, events, resign, text};

pub(super) fn cases() -> Vec<ProofVector> {
    [good(), shapes(), heads_of_files(), notes(), places(), keys()].concat()
}

/// A chain with one batch, and the batch's lines.
pub(super) struct Made {
    pub(super) chain: Chain,
    source: Vec<u8>,
}

impl Made {
    fn of(source: &[u8]) -> Self {
        let mut chain = started(signer());
        chain.batch(&[Piece::new(LOG, source)]);
        Self { chain, source: source.to_vec() }
    }

    pub(super) fn batch(&self) -> &SealedBatch {
        self.chain.head()
    }

    pub(super) fn proof(&self, line: u64) -> Vec<u8> {
        proof(self.batch(), &self.source, line)
    }
}

fn proof(batch: &SealedBatch, source: &[u8], line: u64) -> Vec<u8> {
    let seal = ObjectSeal::open(&batch.bytes).expect("a sealed batch");
    EventProof::make(&seal, source, line).expect("a line of it").bytes()
}

/// Seven events, of which the third is proved in most cases.
pub(super) fn seven() -> Made {
    Made::of(&events(0..7))
}

/// A file that is held against the key of the chain.
pub(super) fn given(name: &str, about: &str, file: Vec<u8>) -> ProofVector {
    ProofVector {
        name: name.to_owned(),
        about: about.to_owned(),
        origin: Some(ORIGIN.to_owned()),
        vkeys: vec![signer().identity().to_string()],
        file,
        ..ProofVector::default()
    }
}

pub(super) fn proves(name: &str, about: &str, file: Vec<u8>) -> ProofVector {
    let event = file[..file.len() - 1].rsplit(|byte| *byte == b'\n').next();
    let event = Some(hash(event.unwrap_or_default()));
    ProofVector { event, ..given(name, about, file) }
}

pub(super) fn refused(name: &str, about: &str, verdict: &str, file: Vec<u8>) -> ProofVector {
    ProofVector { exit: 1, verdict: Some(verdict.to_owned()), ..given(name, about, file) }
}

/// The proof as text, edited.
fn edited(edit: impl FnOnce(&str) -> String) -> Vec<u8> {
    let proof = String::from_utf8(seven().proof(3)).expect("events are text");
    edit(&proof).into_bytes()
}

fn good() -> Vec<ProofVector> {
    let seven = seven();
    let lengths = [400, 1009, 2016, 10, 0, 5000, 1008, 1007];
    let mixed: Vec<u8> =
        lengths.iter().flat_map(|length| [vec![b'x'; *length], b"\n".to_vec()].concat()).collect();
    let mixed = Made::of(&mixed);
    let odd = Made::of(b"{\"a\":1}\n\xff\xfe\x01\r\nauditseal/proof/v1\n");
    let middle = [events(0..3), vec![b'y'; 1500], b"\n".to_vec(), events(3..7)].concat();
    vec![
        proves("line-in-the-middle", "the third of seven events", seven.proof(3)),
        proves("line-first", "the first line", seven.proof(1)),
        proves("line-last", "the last line", seven.proof(7)),
        proves(
            "line-alone",
            "a batch of one line of one chunk: no siblings",
            Made::of(&events(0..1)).proof(1),
        ),
        proves(
            "line-alone-long",
            "a batch of one line of three chunks: no siblings",
            Made::of(&[vec![b'z'; 3000], b"\n".to_vec()].concat()).proof(1),
        ),
        proves(
            "line-across-the-middle",
            "a line of two chunks, one on each side of the tree's middle",
            Made::of(&middle).proof(4),
        ),
        proves("line-empty", "a line without a byte", mixed.proof(5)),
        proves("line-of-five-chunks", "a line of 5,000 bytes", mixed.proof(6)),
        proves("line-of-1008-bytes", "a line of one full chunk", mixed.proof(7)),
        proves("line-of-1009-bytes", "a line of one chunk and a byte", mixed.proof(2)),
        proves("line-not-utf-8", "a line of bytes that are no text", odd.proof(2)),
        proves("line-like-a-proof", "a line that reads like a proof's first", odd.proof(3)),
    ]
}

fn shapes() -> Vec<ProofVector> {
    let whole = seven().proof(3);
    let malformed = |name: &str, about: &str, file| refused(name, about, "MALFORMED", file);
    let edit = |name: &str, about: &str, from: &str, to: &str| {
        malformed(name, about, edited(|proof| text::substitute(proof, from, to)))
    };
    let cut = whole[..whole.len() - 1].to_vec();
    vec![
        malformed("shape-nothing", "an empty file", Vec::new()),
        malformed("shape-text", "another text", b"proof\n".to_vec()),
        malformed("shape-no-last-newline", "the last byte is missing", cut),
        malformed("shape-newline-behind", "a newline too many", [&whole[..], b"\n"].concat()),
        malformed("shape-line-behind", "a second line of an event", [&whole[..], b"x\n"].concat()),
        malformed("shape-byte-before", "a byte before", [b"\n", &whole[..]].concat()),
        malformed(
            "shape-byte-order-mark",
            "a byte order mark before",
            [b"\xef\xbb\xbf", &whole[..]].concat(),
        ),
        malformed(
            "shape-crlf",
            "lines end with CR LF",
            edited(|proof| proof.replace('\n', "\r\n")),
        ),
        malformed("shape-twice", "the file twice", whole.repeat(2)),
        edit(
            "shape-no-empty-line",
            "no empty line behind the head",
            "checkpoint -\n\n",
            "checkpoint -\n",
        ),
        edit("shape-two-empty-lines", "two of them", "checkpoint -\n\n", "checkpoint -\n\n\n"),
        edit("shape-event-at-once", "no empty line behind the note", "=\n\n{", "=\n{"),
    ]
}

fn heads_of_files() -> Vec<ProofVector> {
    let edit = |name: &str, about: &str, from: &str, to: &str| {
        refused(name, about, "MALFORMED", edited(|proof| text::substitute(proof, from, to)))
    };
    let sibling = edited(|proof| text::value(proof, "sibling"));
    let sibling = String::from_utf8(sibling).expect("a hash");
    let upper = sibling.to_uppercase();
    vec![
        edit("head-version-2", "another version", "proof/v1", "proof/v2"),
        edit("head-line-0", "lines are counted from 1", "line 3\n", "line 0\n"),
        edit("head-line-leading-zero", "a leading zero", "line 3\n", "line 03\n"),
        edit("head-line-plus", "a sign", "line 3\n", "line +3\n"),
        edit("head-line-too-large", "2⁶⁴", "line 3\n", "line 18446744073709551616\n"),
        edit("head-line-missing", "no line", "line 3\n", ""),
        edit("head-line-twice", "two of them", "line 3\n", "line 3\nline 3\n"),
        edit("head-line-and-more", "a second value", "line 3\n", "line 3 3\n"),
        edit("head-chunk-missing", "no chunk", "chunk 2\n", ""),
        edit("head-chunk-minus", "a sign", "chunk 2\n", "chunk -2\n"),
        edit("head-chunk-first", "another order", "line 3\nchunk 2\n", "chunk 2\nline 3\n"),
        edit("head-sibling-upper-case", "upper case", &sibling, &upper),
        edit("head-sibling-short", "a digit is missing", &sibling, &sibling[1..]),
        edit("head-checkpoint-missing", "no checkpoint", "checkpoint -\n", ""),
        edit("head-checkpoint-first", "another order", "chunk 2\n", "checkpoint -\nchunk 2\n"),
        edit(
            "head-checkpoint-of-later",
            "a checkpoint, which v1 hasn't",
            "checkpoint -",
            "checkpoint x",
        ),
        edit(
            "head-unknown",
            "a keyword that v1 hasn't",
            "checkpoint -\n",
            "checkpoint -\nextra -\n",
        ),
        edit("head-trailing-space", "a space", "checkpoint -\n", "checkpoint - \n"),
        refused(
            "head-109-siblings",
            "more siblings than any tree has",
            "MALFORMED",
            edited(|proof| {
                let line = format!("sibling {sibling}\n");
                text::substitute(proof, "checkpoint", &format!("{}checkpoint", line.repeat(106)))
            }),
        ),
    ]
}

/// The proof with another note, which is signed whatever it says.
fn with_note(note: &str) -> Vec<u8> {
    edited(|proof| {
        let begin = proof.find("auditseal/seal/v1").expect("a note");
        let end = proof.rfind("\n\n").expect("an event behind the note");
        format!("{}{note}{}", &proof[..begin], &proof[end + 1..])
    })
}

fn note_of(batch: &SealedBatch) -> Parts {
    Parts::of(&batch.bytes)
}

fn notes() -> Vec<ProofVector> {
    let seven = seven();
    let parts = note_of(seven.batch());
    let other = |edit: &dyn Fn(&str) -> String, signer: &mut TestSigner| {
        with_note(&resign(&edit(parts.text()), signer))
    };
    let sealed = |text: &str| text::set(text, "sealed", "2026-11-21T08:00:06.000000Z");
    let flipped = edited(|proof| {
        let at = proof.rfind("\n\n").expect("a signature") - 20;
        let by = if &proof[at..=at] == "A" { "B" } else { "A" };
        format!("{}{by}{}", &proof[..at], &proof[at + 1..])
    });
    let bare = parts.text().to_owned();
    let mut twice = seven.chain.clone();
    twice.heartbeat();
    vec![
        refused(
            "note-edited",
            "another time in the note, which nobody signed",
            "BAD_SIGNATURE",
            with_note(
                &parts.note.replace("sealed 2026-11-21T08:00:05", "sealed 2026-11-21T08:00:06"),
            ),
        ),
        refused("note-signature-flipped", "a character of the signature", "BAD_SIGNATURE", flipped),
        refused(
            "note-signed-by-another",
            "the note says one key, and another signed it",
            "BAD_SIGNATURE",
            other(&|text| text.to_owned(), &mut TestSigner::new(2)),
        ),
        proves(
            "note-signed-again",
            "another time, signed by the same key",
            other(&sealed, &mut signer()),
        ),
        refused(
            "note-unknown-line",
            "a line that notes don't have, rightly signed",
            "MALFORMED",
            other(&|text| format!("{text}extra 1\n"), &mut signer()),
        ),
        refused(
            "note-lines-above-chunks",
            "a note that breaks a rule of notes",
            "MALFORMED",
            other(&|text| text::set(text, "lines", "8"), &mut signer()),
        ),
        refused("note-unsigned", "no signature", "MALFORMED", with_note(&format!("{bare}\n"))),
        refused(
            "note-of-a-heartbeat",
            "the note of a seal without lines",
            "TAMPERED",
            with_note(&note_of(twice.head()).note),
        ),
    ]
}

fn places() -> Vec<ProofVector> {
    let tampered = |name: &str, about: &str, file| refused(name, about, "TAMPERED", file);
    let edit = |name: &str, about: &str, from: &str, to: &str| {
        tampered(name, about, edited(|proof| text::substitute(proof, from, to)))
    };
    let whole = edited(str::to_owned);
    let siblings = |edit: &dyn Fn(&mut Vec<String>)| {
        edited(|proof| {
            let is = |line: &&str| line.starts_with("sibling ");
            let mut lines: Vec<String> = proof.lines().filter(is).map(str::to_owned).collect();
            edit(&mut lines);
            let (head, rest) = proof.split_once("chunk 2\n").expect("a chunk");
            let (_, rest) = rest.split_once("checkpoint").expect("a checkpoint");
            let lines = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            format!("{head}chunk 2\n{lines}checkpoint{rest}")
        })
    };
    let other = Made::of(&events(1..8));
    vec![
        edit("event-another-verb", "another word in the event", "\"verb\":\"", "\"verb\":\"x"),
        tampered("event-empty", "no event", {
            let end = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n');
            [&whole[..=end.expect("lines")], b"\n"].concat()
        }),
        tampered(
            "event-zero-behind",
            "a NUL byte behind the event",
            [&whole[..whole.len() - 1], b"\0\n"].concat(),
        ),
        edit("place-line-2", "the line before", "line 3\n", "line 2\n"),
        edit("place-line-8", "a line that the batch hasn't", "line 3\n", "line 8\n"),
        edit("place-line-highest", "2⁶⁴ − 1", "line 3\n", "line 18446744073709551615\n"),
        edit("place-chunk-3", "the chunk behind", "chunk 2\n", "chunk 3\n"),
        edit("place-chunk-1", "no room for the lines before", "chunk 2\n", "chunk 1\n"),
        edit("place-chunk-highest", "2⁶⁴ − 1", "chunk 2\n", "chunk 18446744073709551615\n"),
        edit(
            "place-of-another",
            "line and chunk of the line behind",
            "line 3\nchunk 2\n",
            "line 4\nchunk 3\n",
        ),
        tampered("siblings-none", "none", siblings(&Vec::clear)),
        tampered("siblings-one-fewer", "the last is missing", siblings(&|lines| drop(lines.pop()))),
        tampered(
            "siblings-one-more",
            "the last twice",
            siblings(&|lines| lines.push(lines[0].clone())),
        ),
        tampered("siblings-swapped", "the first two swapped", siblings(&|lines| lines.swap(0, 1))),
        tampered(
            "siblings-of-another",
            "a digit of one",
            siblings(&|lines| {
                let digit = if lines[0].ends_with('0') { "1" } else { "0" };
                let last = lines[0].len() - 1;
                lines[0].replace_range(last.., digit);
            }),
        ),
        tampered(
            "siblings-108",
            "as many as there may be, and too many here",
            siblings(&|lines| {
                lines.resize(108, lines[0].clone());
            }),
        ),
        tampered(
            "note-of-another-batch",
            "the rightly signed note of other lines",
            with_note(&note_of(other.batch()).note),
        ),
    ]
}

fn keys() -> Vec<ProofVector> {
    let seven = seven();
    let file = || seven.proof(3);
    let vkey = |signer: &TestSigner| vec![signer.identity().to_string()];
    let sealed_by = |signer: TestSigner| {
        let mut chain = started(signer);
        chain.batch(&[Piece::new(LOG, seven.source.clone())]);
        proof(chain.head(), &seven.source, 3)
    };
    let mut ratchet = started(TestSigner::ratchet(1));
    ratchet.batch(&[Piece::new(LOG, seven.source.clone())]);
    let handed_over = proof(ratchet.head(), &seven.source, 3);
    let own = TestSigner::named(ORIGIN, 1);
    let known = |name: &str, about: &str, head: String| ProofVector {
        head: Some(head),
        ..proves(name, about, file())
    };
    vec![
        refused(
            "key-untrusted",
            "a key of the same name that nobody trusts",
            "WRONG_KEY",
            sealed_by(stranger()),
        ),
        refused(
            "key-named-as-next",
            "a key that only the note before names as its next",
            "WRONG_KEY",
            handed_over,
        ),
        ProofVector {
            vkeys: vkey(&own),
            ..proves(
                "key-of-the-chain",
                "a key that is named as its chain is",
                sealed_by(own.clone()),
            )
        },
        ProofVector {
            vkeys: [vkey(&neighbour()), vkey(&signer())].concat(),
            ..proves("key-among-others", "two keys are given, one of another node", file())
        },
        ProofVector {
            vkeys: vkey(&neighbour()),
            exit: 2,
            ..given("key-of-another-node", "no key is given that could be the chain's", file())
        },
        ProofVector {
            origin: Some("c/n/other".to_owned()),
            ..refused(
                "origin-another",
                "another chain of that node is asked for",
                "WRONG_ORIGIN",
                file(),
            )
        },
        known("head-equal", "the seal is the known head", head_text(seven.batch())),
        known("head-before", "the known head is before it", head_text(seven.chain.get(0))),
        known("head-behind", "the known head is behind it", format!("7:{}", hash(b"a note"))),
        ProofVector {
            head: Some(format!("1:{}", hash(b"another note"))),
            ..refused("head-another", "another seal is known at its seq", "FORK", file())
        },
    ]
}
