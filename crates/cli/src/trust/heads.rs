//! Heads files: show, merge.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use auditseal_agent::system_clock;
use auditseal_archive::{Age, HeadsFile};
use auditseal_format::{Origin, Time};
use auditseal_trust::{Heads, KnownHead, TrustFile, TrustedOrigin};

use super::policy::fingerprint;
use super::{Merge, Show};
use crate::estate::heads_failure;
use crate::failure::Failure;
use crate::output::print;
use crate::trusting::trust_file;

pub(super) fn show(args: &Show) -> Result<ExitCode, Failure> {
    let trust = args.trust.as_deref().map(trust_file).transpose()?;
    let heads = args.heads.as_deref().map(read).transpose()?;
    let now = args.at.unwrap_or_else(|| system_clock()().wall);
    let shown = Shown { trust: trust.as_ref(), heads: heads.as_ref(), now };
    print(|out| shown.all(out))?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a heads file that must be there.
fn read(path: &Path) -> Result<Heads, Failure> {
    let heads = HeadsFile::new(path).read().map_err(|error| heads_failure(&error))?;
    heads.ok_or_else(|| {
        Failure::new(format!("read heads file {}: it isn't there", path.display()))
            .hint(Some("`auditseal verify --trust FILE --heads FILE` makes it"))
    })
}

struct Shown<'a> {
    trust: Option<&'a TrustFile>,
    heads: Option<&'a Heads>,
    now: Time,
}

impl Shown<'_> {
    fn all(&self, out: &mut impl Write) -> io::Result<()> {
        let trusted = self.trust.iter().flat_map(|file| file.origins());
        let known = self.heads.iter().flat_map(|file| file.heads());
        let forked = self.heads.iter().flat_map(|file| file.forks());
        let names = trusted.map(|(origin, _)| origin).chain(known.map(|(origin, _)| origin));
        let names: BTreeSet<&Origin> = names.chain(forked.map(|(origin, _)| origin)).collect();
        for origin in names {
            writeln!(out, "{origin}")?;
            match self.trust.map(|file| file.get(origin)) {
                Some(Some(trusted)) => policy(out, trusted)?,
                Some(None) => writeln!(out, "  isn't in the trust file")?,
                None => {}
            }
            self.head(out, origin)?;
        }
        for auditor in self.trust.iter().flat_map(|file| file.auditors()) {
            writeln!(out, "auditor of {}", auditor.cluster)?;
            writeln!(out, "  key {}", auditor.vkey)?;
            writeln!(out, "    sha256 {}", fingerprint(&auditor.vkey))?;
        }
        Ok(())
    }

    fn head(&self, out: &mut impl Write, origin: &Origin) -> io::Result<()> {
        let Some(heads) = self.heads else { return Ok(()) };
        match heads.get(origin) {
            Some(head) => self.line(out, "verified up to", head)?,
            None => writeln!(out, "  never verified")?,
        }
        let forks = heads.forks().filter(|(of, _)| *of == origin);
        for seal in forks.flat_map(|(_, seals)| seals) {
            self.line(out, "fork", seal)?;
        }
        Ok(())
    }

    fn line(&self, out: &mut impl Write, what: &str, head: KnownHead) -> io::Result<()> {
        let KnownHead { seal, verified } = head;
        if self.now < verified {
            return writeln!(out, "  {what} {seal} at {verified}, a time that is still to come");
        }
        let age = Age((self.now.micros() - verified.micros()) / 1_000_000);
        writeln!(out, "  {what} {seal} at {verified}, {age} ago")
    }
}

fn policy(out: &mut impl Write, trusted: &TrustedOrigin) -> io::Result<()> {
    for key in &trusted.keys {
        let until = key.until.map_or_else(|| "on".to_owned(), |until| format!("up to {until}"));
        writeln!(out, "  key {} from seq {} {until}", key.vkey, key.from)?;
        writeln!(out, "    sha256 {}", fingerprint(&key.vkey))?;
    }
    trusted.rest_of_block().iter().try_for_each(|line| writeln!(out, "{line}"))
}

pub(super) fn merge(args: &Merge) -> Result<ExitCode, Failure> {
    let given = args.heads.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let all = |heads: &mut Heads| {
        given.iter().flat_map(|other| heads.merge(other)).collect::<BTreeSet<_>>()
    };
    let forks = match &args.into {
        Some(path) => HeadsFile::new(path).update(all).map_err(|error| heads_failure(&error))?,
        None => {
            let mut heads = Heads::default();
            let forks = all(&mut heads);
            print(|out| write!(out, "{heads}"))?;
            forks
        }
    };
    for (origin, seq) in &forks {
        tracing::error!("{origin}: two different seals of seq {seq} were verified: a fork");
    }
    Ok(ExitCode::from(if forks.is_empty() { 0 } else { 3 }))
}
