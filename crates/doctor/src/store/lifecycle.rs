//! What a store does to objects by itself: expires them, moves them, keeps what was deleted.

use auditseal_store::{LifecycleRule, MARK};
use auditseal_vault::Provider;

use super::StoreFacts;
use crate::check::Check;
use crate::units::span;

impl StoreFacts {
    /// Whether a rule is for any of the archive's objects. What else lies below the prefix, such as
    /// a canary of worm-test's, may be cleaned up.
    fn covers(&self, rule: &LifecycleRule) -> bool {
        let ours = match self.site.prefix.as_str() {
            "" => "cluster=".to_owned(),
            prefix => format!("{prefix}/cluster="),
        };
        rule.enabled && meet(&ours, &rule.prefix)
    }

    /// Whether a rule is for any of the packs, where they lie unless `--packs` says otherwise. An
    /// archive without a prefix has no such place.
    fn covers_packs(&self, rule: &LifecycleRule) -> bool {
        let packs = format!("{}-packs/", self.site.prefix);
        rule.enabled && !self.site.prefix.is_empty() && meet(&packs, &rule.prefix)
    }

    /// What `Store::mark` leaves on an object here.
    fn mark(&self) -> String {
        let (name, value) = MARK;
        match self.site.provider {
            Provider::Google => "a custom time (daysSinceCustomTime)".to_owned(),
            Provider::Azure => format!("the index tag {name}={value}"),
            _ => format!("the tag {name}={value}"),
        }
    }

    pub(super) fn lifecycle(&self) -> Check {
        let name = "lifecycle";
        let show = match self.site.provider {
            Provider::S3 => self.aws("get-bucket-lifecycle-configuration"),
            Provider::Google => format!(
                "gcloud storage buckets describe gs://{} --format='json(lifecycle_config)'",
                self.site.bucket
            ),
            _ => self.azure("account management-policy show --resource-group RESOURCE_GROUP"),
        };
        let all = match &self.facts.lifecycle {
            Ok(rules) => rules,
            Err(error) => {
                let why = format!(
                    "a rule that deletes may take only what is packed: it must ask for {}, and never for age alone",
                    self.mark()
                );
                return Check::unanswered(name, error).why(why).command(show);
            }
        };
        let ours = |rule: &&LifecycleRule| self.covers(rule);
        let rules: Vec<_> = all.iter().filter(ours).collect();
        let check = self
            .expires_unpacked(&rules)
            .or_else(|| self.expires_packs(all))
            .or_else(|| self.destroys_versions(all))
            .or_else(|| moves_out_of_reach(&rules));
        check.map_or_else(|| self.harmless(&rules, all.len()), |check| check.command(show))
    }

    /// A rule that deletes objects whether they are packed or not.
    fn expires_unpacked(&self, rules: &[&LifecycleRule]) -> Option<Check> {
        let rule = rules.iter().find(|rule| rule.expires && !rule.marked_only)?;
        let found = format!("{} expires objects of the archive, packed or not", named(rule));
        let fix = format!(
            "let it expire nothing below the archive's prefix but what carries {}: only `pack` marks so, after it has read the pack's lock, and never a genesis",
            self.mark()
        );
        Some(Check::fail("lifecycle", found)
            .why("expiry hides an object under a delete marker, locked or not, or destroys it once its lock has ended; without the genesis no reader finds the chain's beginning, and what no pack holds is gone")
            .fix(fix))
    }

    fn expires_packs(&self, all: &[LifecycleRule]) -> Option<Check> {
        let unmarked = |rule: &&LifecycleRule| rule.expires && !rule.marked_only;
        let rule = all.iter().filter(|rule| self.covers_packs(rule)).find(unmarked)?;
        let found = format!("{} expires packs", named(rule));
        Some(
            Check::fail("lifecycle", found)
                .why("a pack is all that is left of the objects in it once these are gone")
                .fix(format!(
                    "let it expire nothing below {}-packs/: packs are never marked",
                    self.site.prefix
                )),
        )
    }

    fn destroys_versions(&self, all: &[LifecycleRule]) -> Option<Check> {
        let unmarked = |rule: &&LifecycleRule| rule.expires_versions && !rule.marked_only;
        let mut ours = all.iter().filter(|rule| self.covers(rule) || self.covers_packs(rule));
        let rule = ours.find(unmarked)?;
        let found = format!("{} destroys older versions", named(rule));
        let check = match self.newest_is_firm() {
            true => Check::warn("lifecycle", found),
            false => Check::fail("lifecycle", found),
        };
        let why = "the true bytes of an object that somebody shadowed or hid are an older version";
        Some(check.why(why).fix(format!("leave older versions alone but those that carry {}, or lock them for as long as the archive is kept", self.mark())))
    }

    /// What is said where no rule does any harm.
    fn harmless(&self, rules: &[&LifecycleRule], all: usize) -> Check {
        let mut found = Vec::new();
        if let Some(rule) = rules.iter().find(|rule| rule.expires || rule.expires_versions) {
            found.push(format!("{} deletes only what carries {}", named(rule), self.mark()));
        }
        let moving = rules.iter().filter(|rule| !rule.moves_to.is_empty());
        found.extend(moving.map(|rule| moves(rule)));
        let none = if rules.iter().any(|rule| rule.expires) { "by age" } else { "any" };
        match found.is_empty() {
            true => Check::pass("lifecycle", format!("no rule touches the archive ({all} in all)")),
            false => Check::pass("lifecycle", format!("{}; none expires {none}", found.join("; "))),
        }
    }

    pub(super) fn soft_delete(&self) -> Option<Check> {
        let name = "soft-delete";
        let s3 = self.site.provider == Provider::S3;
        let (fix, command) = match self.site.provider {
            Provider::Google => ("keep what is deleted for a week", self.gcloud("--soft-delete-duration=7d")),
            _ => ("keep what is deleted for a week", self.azure("account blob-service-properties update --enable-delete-retention true --delete-retention-days 7")),
        };
        match &self.facts.soft_delete {
            _ if s3 => None,
            Ok(kept) if !kept.is_zero() => {
                Some(Check::pass(name, format!("kept for {}", span(*kept))))
            }
            Ok(_) => Some(
                Check::warn(name, "off")
                    .why("it's what is left when a lock was forgotten or has ended")
                    .fix(fix)
                    .command(command),
            ),
            Err(error) => Some(
                Check::unanswered(name, error)
                    .command(self.azure("account blob-service-properties show")),
            ),
        }
    }
}

/// Whether a rule for all keys that begin with `prefix` is for any that begin with `ours`.
fn meet(ours: &str, prefix: &str) -> bool {
    ours.starts_with(prefix) || prefix.starts_with(ours)
}

fn named(rule: &LifecycleRule) -> String {
    match (rule.id.as_str(), rule.prefix.as_str()) {
        ("", "") => "a rule for all keys".to_owned(),
        ("", prefix) => format!("the rule for {prefix}"),
        (id, _) => format!("rule {id:?}"),
    }
}

fn moves(rule: &LifecycleRule) -> String {
    format!("{} moves objects to {}", named(rule), rule.moves_to.join(", then "))
}

fn moves_out_of_reach(rules: &[&LifecycleRule]) -> Option<Check> {
    let slow = |class: &String| matches!(class.as_str(), "GLACIER" | "DEEP_ARCHIVE");
    let rule = rules.iter().find(|rule| rule.moves_to.iter().any(slow))?;
    Some(Check::warn("lifecycle", format!("{}, where they must be restored", moves(rule)))
        .why("verify and cat can't read them until then; the agent needs the genesis and the newest at once")
        .fix("move only what is old, not date=1970-01-01; GLACIER_IR can be read at once"))
}
