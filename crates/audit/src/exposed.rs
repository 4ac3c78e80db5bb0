//! Bodies that hold what nobody may read for years: values of Secrets, tokens, passwords. Found
//! and named; never shown.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Deserializer;

use crate::event::{Event, Part};

/// What a body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exposed {
    /// Values of a Secret.
    Secret,
    /// A bearer token: of a `TokenRequest`, or shown to a `TokenReview`.
    Token,
    /// Values of a `ConfigMap`, which hold passwords more often than they should.
    ConfigMap,
    /// A variable of a container whose name is a password's, with its value beside it.
    Variable,
}

impl Exposed {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Secret, Self::Token, Self::ConfigMap, Self::Variable];
}

/// An object, or a list of them, or a table.
#[derive(Deserialize)]
struct Holder<'a> {
    #[serde(borrow)]
    metadata: Option<Named<'a>>,
    data: Option<IgnoredAny>,
    #[serde(rename = "stringData")]
    strings: Option<IgnoredAny>,
    #[serde(rename = "binaryData")]
    binary: Option<IgnoredAny>,
    #[serde(borrow)]
    items: Option<Vec<Self>>,
    #[serde(borrow)]
    rows: Option<Vec<Row<'a>>>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    object: Option<Holder<'a>>,
}

#[derive(Default, Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    namespace: Option<Cow<'a, str>>,
    annotations: Option<Annotations>,
}

#[derive(Deserialize)]
struct Annotations {
    /// `kubectl apply` keeps the whole object here.
    #[serde(rename = "kubectl.kubernetes.io/last-applied-configuration")]
    applied: Option<IgnoredAny>,
}

impl Holder<'_> {
    fn holds(&self) -> bool {
        let applied = |named: &Named<'_>| {
            named.annotations.as_ref().is_some_and(|annotations| annotations.applied.is_some())
        };
        self.data.is_some()
            || self.strings.is_some()
            || self.binary.is_some()
            || self.metadata.as_ref().is_some_and(applied)
    }

    /// Names each object with values: namespace and name, where the body says them.
    fn each(&self, depth: u8, found: &mut dyn FnMut(Option<&str>, Option<&str>)) {
        if self.holds() {
            let named = self.metadata.as_ref();
            let namespace = named.and_then(|named| named.namespace.as_deref());
            found(namespace, named.and_then(|named| named.name.as_deref()));
        }
        if depth > 0 {
            let rows = self.rows.iter().flatten().filter_map(|row| row.object.as_ref());
            for inner in self.items.iter().flatten().chain(rows) {
                inner.each(depth - 1, found);
            }
        }
    }
}

/// Tells `found` of what an event's bodies hold: what, the object's namespace and its name.
pub fn exposed(event: &Event<'_>, found: &mut dyn FnMut(Exposed, &str, &str)) {
    let Some(object) = event.object() else { return };
    for (part, body) in event.bodies().filter(|(part, _)| *part != Part::Failure) {
        let kind = match (object.group, object.resource, object.subresource) {
            ("", "secrets", _) => Exposed::Secret,
            ("", "configmaps", _) => Exposed::ConfigMap,
            ("", "serviceaccounts", "token") | ("authentication.k8s.io", "tokenreviews", _) => {
                if has_token(body) {
                    found(Exposed::Token, object.namespace, object.name);
                }
                continue;
            }
            _ => {
                if has_variable(body) {
                    found(Exposed::Variable, object.namespace, object.name);
                }
                continue;
            }
        };
        let mut tell = |namespace: Option<&str>, name: Option<&str>| {
            found(kind, namespace.unwrap_or(object.namespace), name.unwrap_or(object.name));
        };
        match serde_json::from_str::<Holder<'_>>(body) {
            Ok(holder) => holder.each(1, &mut tell),
            // A JSON patch, or something odd: whoever can't tell must warn.
            Err(_) if part == Part::Request || !body.starts_with("null") => tell(None, None),
            Err(_) => {}
        }
    }
}

/// Whether a token stands where `TokenRequest` and `TokenReview` have theirs.
fn has_token(body: &str) -> bool {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow)]
        spec: Option<Token<'a>>,
        #[serde(borrow)]
        status: Option<Token<'a>>,
    }
    #[derive(Deserialize)]
    struct Token<'a> {
        #[serde(borrow)]
        token: Option<Cow<'a, str>>,
    }
    let Ok(object) = serde_json::from_str::<Object<'_>>(body) else { return true };
    let places = [object.spec, object.status];
    places.iter().flatten().any(|of| of.token.as_ref().is_some_and(|token| !token.is_empty()))
}

/// Words in the names of variables that hold credentials.
const WORDS: [&str; 9] = [
    "PASSWORD",
    "PASSWD",
    "SECRET",
    "TOKEN",
    "APIKEY",
    "API_KEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "CREDENTIAL",
];
/// Ends of names that say where the credential is, not what.
const PLACES: [&str; 6] = ["FILE", "PATH", "DIR", "NAME", "URL", "ENDPOINT"];

/// Whether a container's variable with the name of a credential has its value beside it. The
/// credential itself belongs into a Secret; its name there is harmless.
fn has_variable(body: &str) -> bool {
    #[derive(Deserialize)]
    struct Variable<'a> {
        #[serde(borrow, default)]
        name: Cow<'a, str>,
        #[serde(borrow)]
        value: Option<Cow<'a, str>>,
    }
    let telling = |variable: &Variable<'_>| {
        let name = variable.name.to_ascii_uppercase().replace('-', "_");
        let value = variable.value.as_deref().unwrap_or_default();
        let plain = value.parse::<f64>().is_ok() || matches!(value, "true" | "false" | "");
        let place = value.starts_with('/') || value.starts_with("$(");
        WORDS.iter().any(|word| name.contains(word))
            && !PLACES.iter().any(|end| name.ends_with(end))
            && !plain
            && !place
    };
    let key = b"\"env\":";
    // In a string the quotes would be escaped.
    memchr::memmem::find_iter(body.as_bytes(), key).any(|at| {
        let rest = body.get(at + key.len()..).unwrap_or_default();
        let mut list = Deserializer::from_str(rest).into_iter::<Vec<Variable<'_>>>();
        list.next().is_some_and(|list| list.is_ok_and(|list| list.iter().any(telling)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in an event about this resource, with these bodies.
    fn of(resource: &str, bodies: &str) -> Vec<String> {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let group = if resource == "tokenreviews" { "authentication.k8s.io" } else { "" };
        let line = format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","stage":"ResponseComplete","verb":"create","objectRef":{{"resource":"{resource}","subresource":"{subresource}","apiGroup":"{group}","namespace":"n","name":"o"}},{bodies}"stageTimestamp":""}}"#
        );
        let mut all = Vec::new();
        let event = Event::parse(line.as_bytes()).unwrap();
        exposed(&event, &mut |what, namespace, name| {
            all.push(format!("{what:?} {namespace}/{name}"));
        });
        all
    }

    #[test]
    fn values_of_secrets_are_found_wherever_they_stand() {
        for (body, expected) in [
            (r#"{"data":{"a":"eA=="}}"#, vec!["Secret n/o"]),
            (r#"{"stringData":{"a":"x"}}"#, vec!["Secret n/o"]),
            (r#"{"metadata":{"name":"m","namespace":"k"},"data":{}}"#, vec!["Secret k/m"]),
            (
                r#"{"items":[{"metadata":{"name":"a"},"data":{}},{"metadata":{"name":"b"}},{"metadata":{"name":"c"},"data":{}}]}"#,
                vec!["Secret n/a", "Secret n/c"],
            ),
            (
                r#"{"rows":[{"object":{"metadata":{"name":"a","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}"}}}}]}"#,
                vec!["Secret n/a"],
            ),
            (r#"[{"op":"add","path":"/data/a","value":"eA=="}]"#, vec!["Secret n/o"]),
            (r#"{"data":null,"metadata":{"labels":{"data":"x"}}}"#, vec![]),
            (r#"{"kind":"DeleteOptions","propagationPolicy":"Background"}"#, vec![]),
        ] {
            for part in ["request", "response"] {
                assert_eq!(of("secrets", &format!("\"{part}Object\":{body},")), expected, "{body}");
            }
        }
        assert_eq!(of("configmaps", r#""responseObject":{"data":{}},"#), ["ConfigMap n/o"]);
        assert!(of("secrets", "").is_empty());
        let denied = r#""responseStatus":{"code":403},"responseObject":{"data":{}},"#;
        assert!(of("secrets", denied).is_empty(), "a failure holds nobody's object");
    }

    #[test]
    fn tokens_are_found_where_they_stand() {
        let granted = r#""requestObject":{"spec":{"audiences":null}},"responseObject":{"status":{"token":"x"}},"#;
        assert_eq!(of("serviceaccounts/token", granted), ["Token n/o"]);
        assert_eq!(of("tokenreviews", r#""requestObject":{"spec":{"token":"x"}},"#), ["Token n/o"]);
        assert!(of("tokenreviews", r#""requestObject":{"spec":{"token":""}},"#).is_empty());
        assert!(of("serviceaccounts", r#""requestObject":{"metadata":{}},"#).is_empty());
    }

    #[test]
    fn variables_with_a_password_are_found() {
        let pod = |env: &str| {
            let body = format!(r#""requestObject":{{"spec":{{"containers":[{{"env":{env}}}]}}}},"#);
            !of("pods", &body).is_empty()
        };
        assert!(pod(r#"[{"name":"A","value":"b"},{"name":"DB_PASSWORD","value":"x y"}]"#));
        assert!(pod(r#"[{"name":"db-api-key","value":"abc"}]"#));
        for harmless in [
            r#"[{"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]"#,
            r#"[{"name":"TOKEN_FILE","value":"token"},{"name":"TOKEN","value":"/run/token"}]"#,
            r#"[{"name":"TOKEN_TTL","value":"3600"},{"name":"SECRET","value":""}]"#,
            r#"[{"name":"USER","value":"DB_PASSWORD"}]"#,
            r#"{"name":"PASSWORD","value":"x"}"#,
            r#"[7]"#,
        ] {
            assert!(!pod(harmless), "{harmless}");
        }
        let quoted =
            r#""requestObject":{"a":"\"env\":[{\"name\":\"PASSWORD\",\"value\":\"x\"}]"},"#;
        assert!(of("pods", quoted).is_empty());
    }
}
