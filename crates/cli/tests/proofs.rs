//! prove and check through the program: from an auditor's archive to somebody who has nothing but a file.
#![allow(clippy::unwrap_used, reason = "a test")]

mod desk;
mod node;

use std::fs;
use std::path::Path;
use std::process::Command;

use auditseal_vectors::{Chain, TestSigner, event, head_text};
use desk::{Desk, ORIGIN, begun, grown, ours, said};
use node::{finish, program};

/// A desk with an archive, its trust file, and a key's file.
fn desk(chain: &Chain) -> Desk {
    let desk = Desk::new();
    desk.holds(&[chain.archive()]);
    desk.trusts(&[chain]);
    fs::write(desk.path("vkey"), format!("{}\n", chain.current_signer().identity())).unwrap();
    desk
}

fn prove(desk: &Desk, more: &[&str], out: &str) -> Command {
    let mut command = desk.command(&["prove", "--origin", ORIGIN]);
    command.arg("--trust").arg(desk.path("trust")).args(more).arg("--out").arg(desk.path(out));
    command
}

fn check(file: &Path) -> Command {
    let mut command = program();
    command.arg("check").arg(file);
    command
}

/// Checks with the desk's trust file.
fn by_trust(desk: &Desk, file: &str, more: &[&str]) -> Command {
    let mut command = check(&desk.path(file));
    command.arg("--trust").arg(desk.path("trust")).args(more);
    command
}

#[test]
fn a_line_is_proved_and_checked_without_the_archive() {
    let chain = grown(ours(), 2);
    let desk = desk(&chain);
    let told = said(&mut prove(&desk, &["--line", "1:2"], "proof"), 0);
    let seal = head_text(chain.get(1));
    assert!(
        told.starts_with(&format!("line 2 of seal 1 of {ORIGIN}\nseal {seal}, sealed ")),
        "{told}"
    );
    let file = fs::read(desk.path("proof")).unwrap();
    assert!(
        told.ends_with(&format!(" bytes: {} of the event, 2 siblings)\n", event(1).len())),
        "{told}"
    );
    assert!(file.ends_with(format!("\n\n{}\n", event(1)).as_bytes()));
    fs::remove_dir_all(desk.path("store")).unwrap();
    for mut command in
        [by_trust(&desk, "proof", &[]), by_trust(&desk, "proof", &["--origin", ORIGIN]), {
            let mut command = check(&desk.path("proof"));
            command.args(["--origin", ORIGIN, "--vkey"]).arg(desk.path("vkey"));
            command
        }]
    {
        let text = said(&mut command, 0);
        assert!(text.ends_with(&format!("\nPROVED {ORIGIN} 1:2\n")), "{text}");
        assert!(text.contains("\nnot proved:\n  - That nothing else was logged"), "{text}");
    }
    let json = said(&mut by_trust(&desk, "proof", &["-o", "json"]), 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["proved"], &json["seal"]["seq"]), (&true.into(), &1.into()));
    let page = said(&mut by_trust(&desk, "proof", &["-o", "html"]), 0);
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("The check succeeded"), "{page}");
}

#[test]
fn a_proof_goes_to_standard_output_alone() {
    let desk = desk(&ours());
    said(&mut prove(&desk, &["--line", "1:2"], "proof"), 0);
    let mut command = desk.command(&["prove", "--origin", ORIGIN, "--line", "1:2", "--out", "-"]);
    command.arg("--trust").arg(desk.path("trust")).current_dir(desk.path("store"));
    let done = finish(&mut command).ok();
    assert_eq!(done.out, fs::read(desk.path("proof")).unwrap());
    assert!(done.err.contains("wrote the proof ("), "{}", done.err);
    assert!(!desk.path("store/-").exists());
}

#[test]
fn what_is_altered_or_not_trusted_is_not_proved() {
    let desk = desk(&ours());
    said(&mut prove(&desk, &["--line", "1:2"], "proof"), 0);
    let mut file = fs::read(desk.path("proof")).unwrap();
    let at = file.len() - 20;
    file[at] ^= 1;
    fs::write(desk.path("altered"), &file).unwrap();
    let text = said(&mut by_trust(&desk, "altered", &[]), 1);
    assert!(text.starts_with("TAMPERED: ") && text.ends_with("\nNOT PROVED\n"), "{text}");
    let json = said(&mut by_trust(&desk, "altered", &["-o", "json"]), 1);
    assert!(json.contains("\"verdict\":\"TAMPERED\""), "{json}");
    let page = said(&mut by_trust(&desk, "altered", &["-o", "html"]), 1);
    assert!(page.contains("This file proves nothing"), "{page}");
    fs::write(desk.path("other"), "hello\n").unwrap();
    assert!(said(&mut by_trust(&desk, "other", &[]), 1).starts_with("MALFORMED: "));
    // Another key of the same name is trusted.
    let stranger = begun(ORIGIN, TestSigner::of(ORIGIN, 9));
    desk.trusts(&[&stranger]);
    assert!(said(&mut by_trust(&desk, "proof", &[]), 1).starts_with("WRONG_KEY: "));
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let desk = desk(&ours());
    said(&mut prove(&desk, &["--line", "1:2"], "proof"), 0);
    let neighbour = begun("prod/cp-2/audit", TestSigner::of("prod/cp-2/audit", 2));
    desk.trusts(&[&neighbour]);
    finish(&mut by_trust(&desk, "proof", &[])).refused("the trust file doesn't name its chain");
    let mut command = check(&desk.path("proof"));
    command.args([
        "--origin",
        ORIGIN,
        "--vkey",
        &neighbour.current_signer().identity().to_string(),
    ]);
    finish(&mut command).refused("none is for prod/cp-1/audit, but for prod/cp-2");
    finish(&mut by_trust(&desk, "none", &[])).refused("read proof ");
    let mut command = by_trust(&desk, "proof", &["--heads"]);
    finish(command.arg(desk.path("none"))).refused("it isn't there");
    finish(&mut check(&desk.path("proof"))).refused("required arguments");
    let mut large = by_trust(&desk, "large", &[]);
    fs::File::create(desk.path("large")).unwrap().set_len((256 << 20) + 1).unwrap();
    finish(&mut large).refused("larger than any proof");
}

#[test]
fn a_proof_is_held_against_what_was_verified() {
    let chain = grown(ours(), 2);
    let desk = desk(&chain);
    said(&mut prove(&desk, &["--line", "1:1"], "proof"), 0);
    desk.verify(&chain, 0);
    let heads = desk.path("heads");
    let known = desk.heads();
    let checked = |code| said(by_trust(&desk, "proof", &["--heads"]).arg(&heads), code);
    assert!(checked(0).contains("in the chain known up to 3, verified at "));
    assert_eq!(desk.heads(), known, "check moves no head");
    let other = known.replace(&head_text(chain.head()), &head_text(chain.get(1)));
    fs::write(&heads, &other).unwrap();
    assert!(checked(0).contains("It is the very seal that is known as its chain's head"));
    let hash = head_text(chain.get(1))[2..].to_owned();
    fs::write(&heads, other.replace(&hash, &"7".repeat(64))).unwrap();
    assert!(checked(1).starts_with("FORK: "));
}

#[test]
fn the_stages_of_a_request_are_named() {
    let desk = desk(&grown(ours(), 1));
    let told = said(&mut prove(&desk, &["--audit-id", "00000002"], "proof"), 0);
    assert!(
        told.starts_with("found 1:3 ResponseComplete, the proved one\nline 3 of seal 1 of "),
        "{told}"
    );
    let text = said(&mut by_trust(&desk, "proof", &[]), 0);
    assert!(text.contains("  auditID           00000002\n"), "{text}");
    let done = finish(&mut prove(&desk, &["--audit-id", "none"], "another"));
    done.refused("no line of what was read has this auditID");
    assert!(!desk.path("another").exists());
}

#[test]
fn nothing_is_written_over_or_in_part() {
    let desk = desk(&ours());
    fs::write(desk.path("there"), "mine").unwrap();
    finish(&mut prove(&desk, &["--line", "1:1"], "there")).refused("it is there already");
    assert_eq!(fs::read(desk.path("there")).unwrap(), b"mine");
    finish(&mut prove(&desk, &["--line", "1:1"], "no/folder")).refused("write proof ");
    finish(&mut prove(&desk, &["--line", "1:4"], "p")).refused("there are 3 lines");
    finish(&mut prove(&desk, &["--line", "7:1"], "p")).refused("there is no such seal that counts");
    finish(&mut prove(&desk, &["--line", "1:0"], "p")).refused("lines counted from 1");
    finish(&mut prove(&desk, &[], "p")).refused("--line <SEQ:LINE>");
    finish(&mut prove(&desk, &["--line", "1:1", "--audit-id", "x"], "p"))
        .refused("cannot be used with");
    assert!(!desk.path("p").exists());
}

#[test]
fn an_altered_object_makes_no_proof() {
    let chain = ours();
    let desk = desk(&chain);
    let path = desk.path("store").join(chain.key(1));
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let done = finish(&mut prove(&desk, &["--line", "1:1"], "proof"));
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(done.err.contains("TAMPERED") && done.err.contains("\nhint: "), "{}", done.err);
    assert!(!desk.path("proof").exists());
}
