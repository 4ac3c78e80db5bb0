//! Proofs by dice, good and bad, and what this program says of each: `crates/e2e/proofs.sh` holds that
//! against the second verifier.
//!
//! `proofs SEED COUNT DIRECTORY` writes so many vectors.

#![allow(clippy::unwrap_used)] // whoever runs it sees what went wrong

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs;
use std::path::Path;

use auditseal_format::{EventProof, ObjectSeal, hash};
use auditseal_vectors::{Chain, Piece, ProofVector, TestSigner, head_text, resign};

struct Dice(u64);

impl Dice {
    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }

    fn line(&mut self) -> Vec<u8> {
        let length = match self.below(20) {
            0 => 0,
            1..10 => self.below(300),
            10..14 => 1000 + self.below(20),
            14..19 => self.below(4000),
            _ => self.below(40_000),
        };
        let byte = self.below(256) as u8;
        let byte = if matches!(byte, b'\n' | 0) { b'x' } else { byte };
        vec![byte; length]
    }
}

/// A batch, its chain, and a proof of a line of it.
struct Made {
    chain: Chain,
    proof: EventProof,
}

impl Made {
    fn by(dice: &mut Dice) -> Self {
        let count = match dice.below(4) {
            0 => 1 + dice.below(3),
            1 => 1 + dice.below(200),
            _ => 1 + dice.below(40),
        };
        let lines: Vec<_> = (0..count).map(|_| dice.line()).collect();
        let source: Vec<u8> =
            lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
        let mut chain = Chain::new("c/n/s", TestSigner::new(1 + dice.below(2) as u8));
        chain.genesis();
        chain.batch(&[Piece::new("audit.log", source.clone())]);
        let seal = ObjectSeal::open(&chain.head().bytes).unwrap();
        let proof = EventProof::make(&seal, &source, 1 + dice.below(count) as u64).unwrap();
        Self { chain, proof }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seed, count, directory] = arguments.as_slice() else {
        panic!("usage: proofs SEED COUNT DIRECTORY");
    };
    let mut dice = Dice(seed.parse::<u64>().unwrap().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut before = Made::by(&mut dice);
    for number in 0..count.parse::<u64>().unwrap() {
        let made = Made::by(&mut dice);
        let mut vector = vector(&mut dice, &made, &before);
        vector.name = format!("{number:06}");
        common::judge(&mut vector);
        fs::write(Path::new(directory).join(format!("{}.txt", vector.name)), vector.to_string())
            .unwrap();
        before = made;
    }
}

/// Half of the proofs are as they were made, and the others altered in one way.
fn vector(dice: &mut Dice, made: &Made, other: &Made) -> ProofVector {
    let good = made.proof.bytes();
    let (about, file) = match dice.below(14) {
        0..7 => ("as it was made", good.clone()),
        7 => ("a bit", {
            let mut file = good.clone();
            let at = dice.below(8 * file.len());
            file[at / 8] ^= 1 << (at % 8);
            file
        }),
        8 => ("cut", good[..dice.below(good.len())].to_vec()),
        9 => ("a byte more", {
            let mut file = good.clone();
            file.insert(dice.below(file.len() + 1), dice.below(256) as u8);
            file
        }),
        10 => ("another proof's end", {
            let other = other.proof.bytes();
            let (at, from) = (line_start(dice, &good), line_start(dice, &other));
            [&good[..at], &other[from..]].concat()
        }),
        11 => ("two lines swapped", {
            let mut lines: Vec<_> = good.split_inclusive(|byte| *byte == b'\n').collect();
            let (one, two) = (dice.below(lines.len()), dice.below(lines.len()));
            lines.swap(one, two);
            lines.concat()
        }),
        12 => ("a digit", {
            let mut file = good.clone();
            let digits: Vec<_> = (0..file.len()).filter(|at| file[*at].is_ascii_digit()).collect();
            file[digits[dice.below(digits.len())]] = b'0' + dice.below(10) as u8;
            file
        }),
        _ => ("signed again with another number", signed_again(dice, made)),
    };
    knowing(dice, made, ProofVector { about: about.to_owned(), file, ..ProofVector::default() })
}

fn line_start(dice: &mut Dice, file: &[u8]) -> usize {
    let starts: Vec<_> = (1..file.len()).filter(|at| file[*at - 1] == b'\n').chain([0]).collect();
    starts[dice.below(starts.len())]
}

/// The note with chunks or lines of one more or fewer, rightly signed.
fn signed_again(dice: &mut Dice, made: &Made) -> Vec<u8> {
    let file = made.proof.bytes();
    let find = |of: &[u8]| file.windows(of.len()).position(|bytes| bytes == of).unwrap();
    let (begin, note) = (find(b"auditseal/seal/v1\n"), file.windows(2).enumerate());
    let end = note.filter(|(_, bytes)| bytes == b"\n\n").nth(1).unwrap().0 + 1;
    let text = String::from_utf8(file[begin..end].to_vec()).unwrap();
    let keyword = ["chunks", "lines", "root"][dice.below(3)];
    let more = dice.below(2) == 0;
    let text: String = text
        .lines()
        .map(|line| match line.strip_prefix(keyword).and_then(|rest| rest.strip_prefix(' ')) {
            Some(_) if keyword == "root" => format!("root {}\n", hash(line.as_bytes())),
            Some(number) => {
                let number: u64 = number.parse().unwrap();
                let number = if more { number + 1 } else { number.saturating_sub(1) };
                format!("{keyword} {number}\n")
            }
            None => format!("{line}\n"),
        })
        .collect();
    let mut signer = made.chain.current_signer().clone();
    let rest = &file[end..];
    let event = rest.windows(2).skip(2).position(|bytes| bytes == b"\n\n").unwrap() + 2;
    [&file[..begin], resign(&text, &mut signer).as_bytes(), &rest[event + 1..]].concat()
}

/// What its reader knows: mostly what there is to know.
fn knowing(dice: &mut Dice, made: &Made, vector: ProofVector) -> ProofVector {
    let key = TestSigner::new(1).identity().to_string();
    let known = [made.chain.get(0), made.chain.head()][dice.below(2)];
    let seal = match dice.below(4) {
        0 => format!("{}:{}", known.seal.seq, hash(b"another")),
        _ => head_text(known),
    };
    let trust = |rest: String| {
        let text = format!("auditseal/trust/v1\norigin c/n/s static {key}{rest}");
        text.lines().map(str::to_owned).collect()
    };
    match dice.below(8) {
        0 => ProofVector { trust: trust("\n  begin 0\n  silent-after 1h".to_owned()), ..vector },
        1 => ProofVector { trust: trust(format!("\n  begin 0\n  ended {seal}")), ..vector },
        2 => ProofVector {
            trust: trust("\n  begin 0\n  silent-after 1h".to_owned()),
            heads: vec![
                "auditseal/heads/v1".to_owned(),
                format!("head c/n/s {seal} 2026-11-21T09:00:00.000000Z"),
            ],
            ..vector
        },
        3 => ProofVector {
            origin: Some(["c/n/s", "c/n/t", "c/m/s"][dice.below(3)].to_owned()),
            vkeys: vec![TestSigner::named(["c/n", "c/m"][dice.below(2)], 1).identity().to_string()],
            ..vector
        },
        other => ProofVector {
            origin: Some("c/n/s".to_owned()),
            vkeys: vec![key, TestSigner::new(2).identity().to_string()],
            head: (other == 4).then_some(seal),
            ..vector
        },
    }
}
