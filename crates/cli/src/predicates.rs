//! What an event must be, on the command line.

use auditseal_format::Time;
use auditseal_predicate::{ObjectFilter, Predicate};
use auditseal_query::{Asked, NotAsked, asked, names};
use auditseal_reader::Window;
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command};

use crate::failure::Failure;
use crate::times::{in_order, time};

/// Verbs of the Kubernetes API, for a shell that completes them.
const VERBS: [&str; 11] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "connect",
    "head",
    "post",
];
/// Most combinations of objects and namespaces.
const COMBINED: usize = 10_000;

/// What an event must be. All of it must hold.
#[derive(Debug, Args)]
pub(crate) struct Conditions {
    /// What it was done to: TYPE, TYPE/NAME or TYPE/NAME/SUBRESOURCE, with any name that kubectl knows
    /// of the type, and commas between several. Without it, anything.
    #[arg(value_name = "TYPE[/NAME]", value_parser = Offering(types), hide_possible_values = true)]
    objects: Vec<String>,
    /// Only this namespace; several with commas between them.
    #[arg(
        short,
        long,
        help_heading = "Events",
        env = "AUDITSEAL_NAMESPACE",
        value_name = "NS",
        value_delimiter = ','
    )]
    namespace: Vec<String>,
    /// All namespaces, which is so without -n too.
    #[arg(short = 'A', long, help_heading = "Events", env = "AUDITSEAL_ALL_NAMESPACES", conflicts_with = "namespace",
          value_parser = clap::builder::BoolishValueParser::new())]
    all_namespaces: bool,
    /// Only these verbs: delete, patch, …
    #[arg(long, help_heading = "Events", env = "AUDITSEAL_VERB", value_name = "VERB,…", value_delimiter = ',',
          value_parser = Offering(|| VERBS.to_vec()), hide_possible_values = true)]
    verb: Vec<String>,
    /// Only subresources of these names, like exec or status; none is the object itself. Without it, all.
    #[arg(
        long,
        help_heading = "Events",
        env = "AUDITSEAL_SUBRESOURCE",
        value_name = "NAME,…",
        value_delimiter = ','
    )]
    subresource: Vec<String>,
    /// Only who is so called, or acted as who is: * is any text, ? any character. Repeatable.
    #[arg(long, help_heading = "Events", env = "AUDITSEAL_USER", value_name = "GLOB")]
    user: Vec<String>,
    /// Only from this address or network, which a client may claim. Repeatable.
    #[arg(long, help_heading = "Events", env = "AUDITSEAL_SOURCE_IP", value_name = "IP|CIDR")]
    source_ip: Vec<String>,
    /// Only answers of this code: 403, 4xx, 400-499, or several with commas between them.
    #[arg(long, help_heading = "Events", env = "AUDITSEAL_CODE", value_name = "N|4xx")]
    code: Option<String>,
    /// Only the request of this auditID, which its client may have chosen.
    #[arg(long, help_heading = "Events", env = "AUDITSEAL_AUDIT_ID", value_name = "ID")]
    audit_id: Option<String>,
    /// Only from this time on: RFC 3339, a local date or date and time, or how long ago, like 7d.
    #[arg(long, help_heading = "Events", env = "AUDITSEAL_SINCE", value_name = "TIME", value_parser = time)]
    since: Option<Time>,
    /// Only up to this time; a date alone is its first moment.
    #[arg(long, help_heading = "Events", env = "AUDITSEAL_UNTIL", value_name = "TIME", value_parser = time)]
    until: Option<Time>,
    /// Only what this CEL expression is true of: docs/query-language.md.
    #[arg(long, help_heading = "Events", env = "AUDITSEAL_FILTER", value_name = "CEL")]
    filter: Option<String>,
}

/// Takes any text, and offers some to a shell that completes them.
#[derive(Clone)]
pub(crate) struct Offering(pub(crate) fn() -> Vec<&'static str>);

fn types() -> Vec<&'static str> {
    names().collect()
}

impl TypedValueParser for Offering {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        clap::builder::StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}

/// Each of them, or with none anything.
fn some(of: &[String]) -> Vec<Option<&str>> {
    if of.is_empty() { vec![None] } else { of.iter().map(|one| Some(one.as_str())).collect() }
}

/// That objects aren't understood.
pub(crate) fn not_asked(why: &NotAsked) -> Failure {
    Failure::new(format!("choose objects: {why}")).hint(Some(why.hint()))
}

/// Whether its objects are in no namespace, and its events name none: those of a Namespace name that.
fn is_nowhere(object: &Asked) -> bool {
    object.is_of_the_cluster() && object.resource != "namespaces"
}

/// Said of types whose objects are in no namespace, where one is asked for.
pub(crate) fn nowhere(objects: &[&Asked]) -> String {
    let mut types: Vec<&str> = objects.iter().map(|object| object.resource.as_str()).collect();
    types.sort_unstable();
    types.dedup();
    format!("note: {} are in no namespace: -n isn't asked of them, as by kubectl", types.join(", "))
}

impl Conditions {
    /// The objects that are asked for; none: any.
    pub(crate) fn objects(&self) -> Result<Vec<Asked>, Failure> {
        asked(&self.objects).map_err(|why| not_asked(&why))
    }

    /// The times that are asked for.
    pub(crate) fn window(&self) -> Result<Window, Failure> {
        let Self { since, until, .. } = *self;
        in_order(since, until, "choose events: --since is after --until")?;
        Ok(Window { since, until })
    }

    /// Which namespaces are searched, in words.
    pub(crate) fn namespaces(&self) -> String {
        match self.namespace.as_slice() {
            [] => "all namespaces".to_owned(),
            [one] => format!("namespace {}", auditseal_chain::escape(one)),
            more => format!("namespaces {}", auditseal_chain::escape(&more.join(", "))),
        }
    }

    /// What is to be known of the namespaces: that types of the cluster have none.
    pub(crate) fn note(&self, objects: &[Asked]) -> Option<String> {
        let asked = !self.namespace.is_empty();
        let objects: Vec<&Asked> = objects.iter().filter(|one| asked && is_nowhere(one)).collect();
        (!objects.is_empty()).then(|| nowhere(&objects))
    }

    /// That nothing was found in these namespaces of types of which isn't known whether they are in any.
    pub(crate) fn hint(&self, objects: &[Asked]) -> Option<String> {
        let unknown = objects.iter().any(|object| !object.known);
        (unknown && !self.namespace.is_empty()).then(|| {
            "hint: objects of a type that isn't built in may be in no namespace: without -n they are found".to_owned()
        })
    }

    /// That no value is what no event can have: such a question would be answered with nothing.
    fn words(&self) -> Result<(), Failure> {
        let lists = [
            ("--namespace", &self.namespace),
            ("--verb", &self.verb),
            ("--subresource", &self.subresource),
        ];
        let odd = |word: &String| word.is_empty() || word.contains(char::is_whitespace);
        let id: Vec<String> = self.audit_id.iter().cloned().collect();
        let empty = [("--user", &self.user), ("--audit-id", &id)];
        let wrong = lists.iter().find(|(_, words)| words.iter().any(odd));
        let wrong =
            wrong.or_else(|| empty.iter().find(|(_, words)| words.iter().any(String::is_empty)));
        match wrong {
            None => Ok(()),
            Some((flag, _)) => {
                let why =
                    format!("choose events: {flag} has a value that is empty or has a blank in it");
                Err(Failure::new(why)
                    .hint(Some("several values have commas between them, and no blanks")))
            }
        }
    }

    /// What an event must be, but for its time.
    pub(crate) fn predicate(&self, objects: &[Asked]) -> Result<Predicate, Failure> {
        self.words()?;
        let mut all = Vec::new();
        all.extend(self.object(objects)?);
        if !self.verb.is_empty() {
            all.push(Predicate::verbs(self.verb.iter().map(String::as_str)));
        }
        let invalid = |flag: &str, why: &dyn std::fmt::Display| {
            Failure::new(format!("choose events: {flag} {why}"))
                .hint(Some("`auditseal query --help` explains every argument"))
        };
        let users = self.user.iter().map(|glob| Predicate::user(glob));
        let users = users.collect::<Result<Vec<_>, _>>().map_err(|why| invalid("--user", &why))?;
        let addresses = self.source_ip.iter().map(|address| Predicate::source_ip(address));
        let addresses =
            addresses.collect::<Result<Vec<_>, _>>().map_err(|why| invalid("--source-ip", &why))?;
        all.extend(
            [users, addresses].into_iter().filter(|any| !any.is_empty()).map(Predicate::any),
        );
        if let Some(code) = &self.code {
            all.push(Predicate::code(code).map_err(|why| invalid("--code", &why))?);
        }
        all.extend(self.audit_id.as_ref().map(|id| Predicate::audit_id(id)));
        if let Some(text) = &self.filter {
            let filter = Predicate::from_cel(text).map_err(|refused| {
                let hint = "docs/query-language.md says what can be asked";
                Failure::new(format!(
                    "read --filter: {}",
                    auditseal_chain::escape(&refused.to_string())
                ))
                .hint(Some(hint))
            })?;
            all.push(filter);
        }
        Ok(Predicate::all(all))
    }

    /// Any of the objects, in any of the namespaces.
    fn object(&self, objects: &[Asked]) -> Result<Option<Predicate>, Failure> {
        let none = |name: &str| if name == "none" { String::new() } else { name.to_owned() };
        let subresources: Vec<String> = self.subresource.iter().map(|name| none(name)).collect();
        let (namespaces, subresources) = (some(&self.namespace), some(&subresources));
        let of: Vec<Option<&Asked>> =
            if objects.is_empty() { vec![None] } else { objects.iter().map(Some).collect() };
        // Events of what is in no namespace name none; another type of that name may be in one.
        let beside = |object: Option<&Asked>| {
            let asked = !self.namespace.is_empty() && object.is_some_and(is_nowhere);
            asked.then_some(Some(""))
        };
        let more = of.iter().filter(|object| beside(**object).is_some()).count();
        let count = (of.len() * namespaces.len() + more) * subresources.len();
        if count > COMBINED {
            let why = format!(
                "choose objects: {count} combinations of them, namespaces and subresources"
            );
            return Err(Failure::new(why).hint(Some("name fewer of them, or ask in several runs")));
        }
        if of == [None] && namespaces == [None] && subresources == [None] {
            return Ok(None);
        }
        let mut any = Vec::with_capacity(count);
        for object in of {
            for namespace in namespaces.iter().copied().chain(beside(object)) {
                for subresource in &subresources {
                    let own = object.and_then(|object| object.subresource.as_deref());
                    any.push(Predicate::object(ObjectFilter {
                        resource: object.map(|object| object.resource.as_str()),
                        group: object.and_then(|object| object.group.as_deref()),
                        name: object.and_then(|object| object.name.as_deref()),
                        subresource: own.or(*subresource),
                        namespace,
                    }));
                }
            }
        }
        Ok(Some(Predicate::any(any)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_combinations_than_are_asked_at_a_time_are_refused() {
        let names = |count: usize| (0..count).map(|n| format!("n-{n}")).collect();
        let conditions = |namespaces: usize| Conditions {
            objects: (0..100).map(|n| format!("pods/p-{n}")).collect(),
            namespace: names(namespaces),
            all_namespaces: false,
            verb: Vec::new(),
            subresource: Vec::new(),
            user: Vec::new(),
            source_ip: Vec::new(),
            code: None,
            audit_id: None,
            since: None,
            until: None,
            filter: None,
        };
        let objects = conditions(1).objects().unwrap();
        assert!(conditions(COMBINED / 100).predicate(&objects).is_ok());
        assert!(conditions(10 * COMBINED / 100).predicate(&objects).is_err());
    }
}
