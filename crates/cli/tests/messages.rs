//! What an operator reads when something is wrong: twenty errors, as they are shown.
//!
//! `messages.txt` is what people read who judge them; AUDITSEAL_OVERWRITE=1 writes it anew.
#![allow(clippy::unwrap_used, reason = "a test")]

mod lab;
mod node;

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use auditseal_standin::{Dialect, Effect, Fault, On};
use lab::Lab;
use node::{Done, events, finish, program};

/// The program's words with what is another each time taken out.
struct Shown<'a> {
    lab: &'a Lab,
    text: String,
}

impl Shown<'_> {
    fn add(&mut self, scenario: &str, done: &Done) {
        assert_ne!(done.code, 0, "{scenario}: {}", done.text());
        let mut said = done.err.clone();
        said = said.replace(&self.lab.node.vkey, "VKEY");
        said = said.replace(&self.lab.node.shown(""), "DIR/");
        said = said.replace(&self.lab.server.endpoint(), "ENDPOINT");
        writeln!(self.text, "## {scenario}").unwrap();
        for line in said.lines().filter(|line| !line.starts_with("20")) {
            writeln!(self.text, "{line}").unwrap();
        }
        writeln!(self.text, "exit {}\n", done.code).unwrap();
    }
}

#[test]
fn twenty_errors_say_what_is_wrong_and_what_to_do() {
    let lab = Lab::new(Dialect::Aws);
    let mut shown = Shown { lab: &lab, text: String::new() };
    of_the_command_line(&mut shown);
    of_the_node(&mut shown);
    of_the_store(&mut shown);
    of_the_archive(&mut shown);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages.txt");
    if std::env::var_os("AUDITSEAL_OVERWRITE").is_some() {
        fs::write(file, &shown.text).unwrap();
    }
    let expected = fs::read_to_string(file).unwrap();
    assert_eq!(shown.text, expected, "AUDITSEAL_OVERWRITE=1 writes it anew");
    for part in shown.text.split_terminator("\n\n") {
        assert!(part.contains("\nhint: "), "nobody is told what to do: {part}");
        assert!(!part.contains("COMMAND"), "{part}");
    }
}

/// The writer with this store and source.
fn writer(lab: &Lab, command: &str, store: &str, source: &str) -> Command {
    let mut program = lab.node.bare(command);
    program.args(["--store", store, "--source", source]);
    program
}

fn of_the_command_line(shown: &mut Shown<'_>) {
    let lab = shown.lab;
    let (log, store) = (format!("audit={}", lab.node.shown("logs/audit.log")), lab.node.store());
    shown.add("a path where a URL should be", &{
        finish(&mut writer(lab, "backfill", "/srv/archive", &log))
    });
    shown.add("a source without a name", &{
        finish(&mut writer(lab, "backfill", &store, "/var/log/audit.log"))
    });
    shown.add("a cluster's name with a space", &{
        let mut command = program();
        command.args(["backfill", "--cluster", "a b", "--node", "n", "--source", &log]);
        command.args(["--store", &store, "--key"]).arg(lab.node.path("key"));
        finish(command.arg("--state").arg(lab.node.path("state")))
    });
    shown.add("nothing says which storage account", &{
        finish(&mut writer(lab, "backfill", "az://container", &log))
    });
    shown.add("Google credentials of a kind that isn't read", &{
        let file = lab.node.path("federation.json");
        fs::write(&file, "{\"type\":\"external_account\",\"audience\":\"a\"}").unwrap();
        let mut command = writer(lab, "backfill", "gs://bucket", &log);
        finish(command.env("GOOGLE_APPLICATION_CREDENTIALS", &file))
    });
    shown.add("a vkey that is none", &{
        finish(lab.node.reader("verify").args(["--vkey", "nonsense"]))
    });
}

fn of_the_node(shown: &mut Shown<'_>) {
    let lab = shown.lab;
    let (log, store) = (format!("audit={}", lab.node.shown("logs/audit.log")), lab.node.store());
    shown.add("a source whose directory isn't there", &{
        let none = format!("audit={}", lab.node.shown("none/audit.log"));
        finish(&mut writer(lab, "run", &store, &none))
    });
    shown.add("a key that isn't there", &{
        let mut command = program();
        command.args(["backfill", "--cluster", "c", "--node", "n", "--source", &log]);
        command.args(["--store", &store, "--key"]).arg(lab.node.path("nokey"));
        finish(command.arg("--state").arg(lab.node.path("state")))
    });
    shown.add("a key that was made for another node", &{
        lab.node.keygen_for("prod/cp-2", "cp-2.key");
        let mut command = program();
        command.args(["backfill", "--cluster", "prod", "--node", "cp-1", "--source", &log]);
        command.args(["--store", &store, "--key"]).arg(lab.node.path("cp-2.key"));
        finish(command.arg("--state").arg(lab.node.path("state")))
    });
    shown.add("a name that no key has", &{
        let out = lab.node.path("new");
        finish(program().args(["keygen", "--name", "auditseal", "--out"]).arg(out))
    });
    shown.add("a key to keep that is for another node", &{
        let out = lab.node.path("key");
        finish(program().args(["keygen", "--keep", "--name", "prod/cp-2", "--out"]).arg(out))
    });
    shown.add("a key file that is there already", &{
        let out = lab.node.path("key");
        finish(program().args(["keygen", "--name", "prod/cp-1", "--out"]).arg(out))
    });
    shown.add("a directory that can't be made", &{
        finish(&mut writer(lab, "backfill", "file:///proc/archive", &log))
    });
    shown.add("nothing listens where status asks", &{
        finish(program().args(["status", "--listen", "127.0.0.1:1", "--once"]))
    });
    shown.add("a file of variables that is none", &{
        fs::write(lab.node.path("environment"), "AWS_SECRET_ACCESS_KEY secret\n").unwrap();
        let mut command = writer(lab, "run", &store, &log);
        finish(command.arg("--environment").arg(lab.node.path("environment")))
    });
}

fn of_the_store(shown: &mut Shown<'_>) {
    let lab = shown.lab;
    for (scenario, effect) in [
        ("a bucket in another region", Effect::Elsewhere("eu-north-1")),
        ("a bucket that isn't there", Effect::Refuse(404, "NoSuchBucket")),
        ("credentials that may not", Effect::Refuse(403, "AccessDenied")),
        ("a clock that is wrong", Effect::Refuse(403, "RequestTimeTooSkewed")),
        ("a store that is busy", Effect::Refuse(503, "SlowDown")),
        ("a part of S3 that the server doesn't speak", Effect::Refuse(501, "NotImplemented")),
        ("a portal where the store should be", Effect::HtmlPage),
    ] {
        lab.becomes([Fault::always(On::All, effect)]);
        shown.add(scenario, &lab.backfill(&["--give-up", "2s"]));
    }
    lab.becomes([]);
}

fn of_the_archive(shown: &mut Shown<'_>) {
    let lab = shown.lab;
    lab.node.write("audit.log", &events(40, 42));
    lab.backfill(&[]).ok();
    shown.add("a chain that the given key isn't for", &{
        let mut command = program();
        command.args(["cat", "--origin", "prod/cp-9/audit", "--vkey", &lab.node.vkey]);
        lab.at(&mut command, &[])
    });
    shown.add("a chain that isn't there", &{
        let mut command = program();
        command.args(["cat", "--origin", "prod/cp-1/other", "--vkey", &lab.node.vkey]);
        lab.at(&mut command, &[])
    });
    shown.add("a prefix where a key should be", &{
        lab.at(program().args(["inspect", "cluster=prod"]), &[])
    });
    shown.add("an archive's directory that isn't there", &{
        let store = format!("file://{}", lab.node.shown("nothing"));
        finish(program().args(["verify", "--store", &store, "--vkey", &lab.node.vkey]))
    });
    shown.add("a key to trust that is for another node", &{
        let vkey = lab.node.keygen_for("prod/cp-10", "cp-10.key");
        let of = ["verify", "--origin", "prod/cp-1/audit", "--vkey", vkey.as_str()];
        lab.at(program().args(of), &[])
    });
    shown.add("a key that isn't the chain's", &{
        lab.node.keygen("other");
        let mut command = program();
        command.args(["backfill", "--cluster", "prod", "--node", "cp-1"]);
        command.args(["--source", &format!("audit={}", lab.node.shown("logs/audit.log"))]);
        command.arg("--key").arg(lab.node.path("other"));
        lab.at(command.arg("--state").arg(lab.node.path("state2")), &[])
    });
}
