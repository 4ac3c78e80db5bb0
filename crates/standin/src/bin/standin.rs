//! `standin DIALECT ENV BUCKET=KIND…` runs the stand-in until it is stopped, and writes the
//! variables that its clients need to the file ENV. DIALECT is aws, minio, google or azure. KIND is
//! plain, versions, compliance, governance, policy or unlocked-policy; each locks for a day.
#![allow(clippy::print_stderr, reason = "it tells whoever called it wrongly")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::ExitCode;

use auditseal_standin::{Bucket, Dialect, Keys, Retention, Server, World, time};

const USAGE: &str = "usage: standin aws|minio|google|azure ENV-FILE [BUCKET=plain|versions|compliance|governance|policy|unlocked-policy]…";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("standin: {why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let mut args = std::env::args().skip(1);
    let name = args.next().ok_or(USAGE)?;
    let dialect = Dialect::ALL.into_iter().find(|dialect| dialect.name() == name).ok_or(USAGE)?;
    let file = args.next().ok_or(USAGE)?;
    let keys = Keys::fresh().map_err(|error| error.to_string())?;
    let mut world = World::new(dialect, keys);
    for arg in args {
        let (name, kind) = arg.split_once('=').ok_or(USAGE)?;
        world = world.with(name, bucket(kind)?);
    }
    let server = Server::start(world).map_err(|error| error.to_string())?;
    let endpoint = server.endpoint();
    let mut text = format!("export STANDIN_ENDPOINT={endpoint}\nexport S3_ENDPOINT={endpoint}\n");
    for (name, value) in server.environment() {
        text += &format!("export {name}={value}\n");
    }
    // Whole and its owner's alone before it has its name: who waits for it reads it at once.
    let draft = format!("{file}.new");
    let written = fs::write(&draft, "")
        .and_then(|()| fs::set_permissions(&draft, Permissions::from_mode(0o600)))
        .and_then(|()| fs::write(&draft, text))
        .and_then(|()| fs::rename(&draft, &file));
    written.map_err(|error| format!("{file}: {error}"))?;
    loop {
        std::thread::park();
    }
}

fn bucket(kind: &str) -> Result<Bucket, String> {
    let rule = |firm| Some(Retention { firm, until: time::DAY });
    let versions = Bucket { versioned: true, ..Bucket::default() };
    let locks = Bucket { versioned: true, lockable: true, ..Bucket::default() };
    Ok(match kind {
        "plain" => Bucket::default(),
        "versions" => versions,
        "compliance" => Bucket { default: rule(true), ..locks },
        "governance" => Bucket { default: rule(false), ..locks },
        "policy" => Bucket { policy: rule(true), ..Bucket::default() },
        "unlocked-policy" => Bucket { policy: rule(false), ..Bucket::default() },
        _ => return Err(USAGE.to_owned()),
    })
}
