//! What a store does to objects by itself: expires them, moves them, keeps what was deleted.

use auditseal_store::LifecycleRule;
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
        rule.enabled && (ours.starts_with(&rule.prefix) || rule.prefix.starts_with(&ours))
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
        let rules = match &self.facts.lifecycle {
            Ok(rules) => rules.iter().filter(|rule| self.covers(rule)).collect::<Vec<_>>(),
            Err(error) => return Check::unanswered(name, error).command(show),
        };
        let named = |rule: &LifecycleRule| match (rule.id.as_str(), rule.prefix.as_str()) {
            ("", "") => "a rule for all keys".to_owned(),
            ("", prefix) => format!("the rule for {prefix}"),
            (id, _) => format!("rule {id:?}"),
        };
        if let Some(rule) = rules.iter().find(|rule| rule.expires) {
            return Check::fail(name, format!("{} expires objects of the archive", named(rule)))
                .why("expiry hides an object under a delete marker, locked or not, or destroys it once its lock has ended; without the genesis no reader finds the chain's beginning")
                .fix("let it expire nothing below the archive's prefix, least of all date=1970-01-01, where the genesis is")
                .command(show);
        }
        let firm = self.newest_is_firm();
        if let Some(rule) = rules.iter().find(|rule| rule.expires_versions) {
            let found = format!("{} destroys older versions", named(rule));
            let why =
                "the true bytes of an object that somebody shadowed or hid are an older version";
            let check = if firm { Check::warn(name, found) } else { Check::fail(name, found) };
            return check
                .why(why)
                .fix("leave older versions alone, or lock them for as long as the archive is kept")
                .command(show);
        }
        let moving: Vec<_> = rules.iter().filter(|rule| !rule.moves_to.is_empty()).collect();
        let moves = |rule: &LifecycleRule| {
            format!("{} moves objects to {}", named(rule), rule.moves_to.join(", then "))
        };
        let slow = |class: &String| matches!(class.as_str(), "GLACIER" | "DEEP_ARCHIVE");
        if let Some(rule) = moving.iter().find(|rule| rule.moves_to.iter().any(slow)) {
            return Check::warn(name, format!("{}, where they must be restored", moves(rule)))
                .why("verify and cat can't read them until then; the agent needs the genesis and the newest at once")
                .fix("move only what is old, not date=1970-01-01; GLACIER_IR can be read at once")
                .command(show);
        }
        if !moving.is_empty() {
            let moves: Vec<_> = moving.iter().map(|rule| moves(rule)).collect();
            return Check::pass(name, format!("{}; none expires any", moves.join("; ")));
        }
        let all = self.facts.lifecycle.as_ref().map_or(0, Vec::len);
        Check::pass(name, format!("no rule touches the archive ({all} in all)"))
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
