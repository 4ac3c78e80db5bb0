//! Trust files: init, accept, diff. None of them changes one in place.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::process::ExitCode;

use auditseal_archive as archive;
use auditseal_format::{Origin, VerifierKey, sha256};
use auditseal_reader::Source;
use auditseal_trust::{Acceptance, Change, RetentionRule, Silence, TrustFile, Unfit};

use super::{Accept, Diff, Init};
use crate::failure::Failure;
use crate::output::{finish, print};
use crate::protection::RequiredMode;
use crate::runtime::block_on;
use crate::store_flags::open_store;
use crate::trusting::{text_of, trust_file};
use crate::vkeys::vkeys;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Chains that are named because nobody named them.
const NAMED: usize = 100;

pub(super) fn init(args: &Init) -> Result<ExitCode, Failure> {
    let keys = vkeys(&args.vkey)?;
    let origins: BTreeSet<Origin> = args.origin.iter().cloned().collect();
    let retention = args.require_retention.map(|time| RetentionRule {
        days: u32::try_from(time.as_secs().div_ceil(DAY)).unwrap_or(RetentionRule::MOST_DAYS),
        compliance: args.require_retention_mode == RequiredMode::Compliance,
    });
    let silence = Silence::After(args.silent_after);
    let file = TrustFile::first(&origins, &keys, silence, retention).map_err(unfit)?;
    let source = Source::new(open_store(&args.store)?);
    let (there, all) = block_on(archive::origins(&source))??;
    tell(&told(&file, &keys, &there, all));
    print(|out| write!(out, "{file}"))?;
    Ok(ExitCode::SUCCESS)
}

fn unfit(why: Unfit) -> Failure {
    let hint = match &why {
        Unfit::NoKey(origin) => format!(
            "a key signs what its name says: get the vkey whose name is {} or {origin} from who set \
             that node up, by a way that doesn't lead through the store",
            origin.node_scope()
        ),
        Unfit::Several(..) => "trust one of them here, and write the other's line yourself, with \
                               until=SEQ:HASH on the first and from=SEQ on the second"
            .to_owned(),
        Unfit::Refused(_) => "crates/trust/TRUST.md says what a trust file may say".to_owned(),
    };
    Failure::new(format!("write a trust file: {why}")).hint(Some(hint))
}

/// What somebody has to look at before the file is used.
fn told(file: &TrustFile, keys: &[VerifierKey], there: &[Origin], all: bool) -> String {
    let mut text = String::new();
    let mut line = |said: String| {
        text.push_str(&said);
        text.push('\n');
    };
    for (origin, trusted) in file.origins() {
        for key in &trusted.keys {
            line(format!("{origin} is trusted by {}", key.vkey));
            line(format!("  sha256 {}", fingerprint(&key.vkey)));
        }
        if there.binary_search(origin).is_err() {
            line("  the store has no object of it: until it has, verify says MISSING".to_owned());
        }
        if trusted.retention.is_none() {
            line("  no lock is demanded of the store".to_owned());
        }
    }
    let used =
        |key: &&VerifierKey| file.origins().any(|(_, of)| of.keys.iter().any(|k| k.vkey == **key));
    for key in keys.iter().filter(|key| !used(key)) {
        line(format!("not used, for it is for none of these chains: {key}"));
    }
    let others: Vec<_> = there.iter().filter(|origin| file.get(origin).is_none()).collect();
    for origin in others.iter().take(NAMED) {
        line(format!("in the store, and not trusted: {origin}"));
    }
    match others.len().saturating_sub(NAMED) {
        0 => {}
        more => line(format!("… and {more} more chains in the store that aren't trusted")),
    }
    if !all {
        line("the store has more chains than were looked for".to_owned());
    }
    line(
        "compare each sha256 with the one that whoever set that node up gives you, by a way that \
         doesn't lead through the store"
            .to_owned(),
    );
    text
}

/// SHA-256 of a vkey's text: `printf %s VKEY | sha256sum`.
pub(super) fn fingerprint(key: &VerifierKey) -> String {
    sha256(key.to_string().as_bytes()).iter().fold(String::new(), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}

/// What is for a person goes to standard error, for standard output is the file.
fn tell(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}

pub(super) fn accept(args: Accept) -> Result<ExitCode, Failure> {
    let before = text_of(&args.trust, "trust")?;
    let Some(origin) = args.origin else {
        return Err(Failure::new("read the command line: --origin says of which chain"));
    };
    let change = match (args.begin, args.verdict, args.seal, args.reason) {
        (None, Some(verdict), Some(seal), Some(reason)) => {
            Change::Accept(Acceptance { seal, verdict, reason })
        }
        (Some(begin), ..) => Change::Begin(begin),
        // The parser asks for all three.
        _ => return Err(Failure::new("read the command line: a verdict, a seal and a reason")),
    };
    let failed = |refused| {
        let hint = "a finding is accepted by its seal's number and hash, as `ls -o json` and `inspect` \
                    give them, and for a chain that the trust file names (`auditseal trust show`)";
        let name = args.trust.display();
        Failure::new(format!("change what {name} says: {refused}")).hint(Some(hint))
    };
    let after = TrustFile::changed(&before, &origin, change).map_err(failed)?;
    let parsed = |text: &str| TrustFile::parse(text).map_err(failed);
    let differences = parsed(&before)?.differences(&parsed(&after)?);
    let mut said: String = differences.iter().map(|one| format!("{one}\n")).collect();
    said.push_str(match said.is_empty() {
        true => "nothing changes: it says so already\n",
        false => {
            "whether the chain has that seal wasn't looked at: `verify` with the new file says \
             TRUNCATED or FORK if it hasn't\n"
        }
    });
    tell(&said);
    print(|out| out.write_all(after.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn diff(args: &Diff) -> Result<ExitCode, Failure> {
    let found = trust_file(&args.before)?.differences(&trust_file(&args.after)?);
    let text: String = found.iter().map(|one| format!("{one}\n")).collect();
    finish(io::stdout().write_all(text.as_bytes()))?;
    Ok(ExitCode::from(u8::from(!found.is_empty())))
}
