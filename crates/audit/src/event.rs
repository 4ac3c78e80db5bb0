//! One event, as far as a policy and what it costs are concerned; borrowed from its line.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Time;
use crate::policy::{Level, Object, Request, Stage, Target, Who};

/// An event of `audit.k8s.io`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    /// At which it was logged.
    pub level: Level,
    /// Of which it tells.
    pub stage: Stage,
    #[serde(borrow, rename = "requestURI", default)]
    uri: Cow<'a, str>,
    /// The verb.
    #[serde(borrow, default)]
    pub verb: Cow<'a, str>,
    #[serde(borrow, default)]
    user: User<'a>,
    #[serde(borrow)]
    object_ref: Option<ObjectRef<'a>>,
    response_status: Option<Status>,
    #[serde(borrow)]
    request_object: Option<&'a RawValue>,
    #[serde(borrow)]
    response_object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stage_timestamp: Cow<'a, str>,
}

#[derive(Debug, Default, Deserialize)]
struct User<'a> {
    #[serde(borrow)]
    username: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    groups: Vec<Cow<'a, str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRef<'a> {
    #[serde(borrow, default)]
    resource: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    api_group: Cow<'a, str>,
    #[serde(borrow, default)]
    subresource: Cow<'a, str>,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

/// The bodies of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What was sent.
    Request,
    /// What was answered.
    Response,
    /// What was answered where the request failed: a status, and nobody's object.
    Failure,
}

/// What a line would take at another level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes with the newline, without what isn't known.
    pub bytes: u64,
    /// A body of the request that the line doesn't hold, and would.
    pub request: Option<Part>,
    /// The same of the response.
    pub response: Option<Part>,
}

impl<'a> Event<'a> {
    /// Reads a line without its newline; none where it is no event.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let event: Self = serde_json::from_slice(line).ok()?;
        let ours = event.kind == "Event" && event.api_version.starts_with("audit.k8s.io/");
        ours.then_some(event)
    }

    /// When it happened.
    #[must_use]
    pub fn time(&self) -> Option<Time> {
        Time::parse(self.stage_timestamp.as_bytes())
    }

    /// The object that it is about.
    #[must_use]
    pub fn object(&self) -> Option<Object<'_>> {
        let of = self.object_ref.as_ref()?;
        Some(Object {
            namespace: &of.namespace,
            group: &of.api_group,
            resource: &of.resource,
            subresource: &of.subresource,
            name: &of.name,
        })
    }

    /// Name of the user who was authenticated.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.username.as_deref().filter(|name| !name.is_empty())
    }

    /// Path of the request, without its query.
    fn path(&self) -> &str {
        self.uri.split('?').next().unwrap_or_default()
    }

    /// The query of the request.
    #[must_use]
    pub fn query(&self) -> &str {
        self.uri.split_once('?').map_or("", |(_, query)| query)
    }

    /// Whether the server did what was asked, or let a connection through.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.response_status.as_ref().is_some_and(|status| (100..400).contains(&status.code))
    }

    fn failed(&self) -> bool {
        self.response_status.as_ref().is_some_and(|status| status.code >= 400)
    }

    /// The bodies that the line holds.
    pub fn bodies(&self) -> impl Iterator<Item = (Part, &'a str)> {
        let response = if self.failed() { Part::Failure } else { Part::Response };
        let request = self.request_object.map(|body| (Part::Request, body.get()));
        request.into_iter().chain(self.response_object.map(|body| (response, body.get())))
    }

    /// The request as the policy saw it when it came in.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        let target = match self.object() {
            None => Target::Path(decoded(self.path())),
            Some(object) => Target::Resource(Object { name: self.asked_name(object), ..object }),
        };
        let who = Who { name: self.user(), groups: &self.user.groups };
        Request { who, verb: &self.verb, target }
    }

    /// The event names what was created by the body; the request's address had no name yet.
    fn asked_name<'b>(&self, object: Object<'b>) -> &'b str {
        let last = self.path().rsplit('/').next().unwrap_or_default();
        let created = self.verb == "create" && object.subresource.is_empty();
        if created && last == object.resource { "" } else { object.name }
    }

    /// What the line, of so many bytes without its newline, would take at this level.
    #[must_use]
    pub fn cost(&self, length: usize, level: Level, omit_managed_fields: bool) -> Cost {
        let mut gone = 0;
        for (part, body) in self.bodies() {
            let needed =
                if part == Part::Request { Level::Request } else { Level::RequestResponse };
            // `"requestObject":`, the body, and a comma.
            let key = if part == Part::Request { 17 } else { 18 };
            if level < needed {
                gone += body.len() + key;
            } else if omit_managed_fields && !(part == Part::Request && self.verb == "patch") {
                gone += managed_fields(body);
            }
        }
        let bytes = length.saturating_sub(gone) + 1 + level.name().len();
        let bytes = bytes.saturating_sub(self.level.name().len());
        let mut cost = Cost { bytes: as_u64(bytes), request: None, response: None };
        if level >= Level::Request && self.level < Level::Request && self.sends() {
            cost.request = Some(Part::Request);
        }
        if level >= Level::RequestResponse && self.level < level && self.answers() {
            cost.response = Some(if self.failed() { Part::Failure } else { Part::Response });
        }
        cost
    }

    /// Whether such requests have a body that is logged.
    fn sends(&self) -> bool {
        let verbs = ["create", "update", "patch", "delete", "deletecollection"];
        let reached = !self.response_status.as_ref().is_some_and(|s| matches!(s.code, 401 | 403));
        verbs.contains(&&*self.verb)
            && self.stage != Stage::RequestReceived
            && reached
            && self.stores()
    }

    /// Whether such requests have an answer that is logged.
    fn answers(&self) -> bool {
        self.stage == Stage::ResponseComplete && self.verb != "watch" && self.stores()
    }

    /// Whether it is about an object, and no connection into one.
    fn stores(&self) -> bool {
        let streams = ["exec", "attach", "portforward", "proxy", "log"];
        self.object_ref.as_ref().is_some_and(|of| !streams.contains(&&*of.subresource))
    }
}

fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A path without its percent escapes; policies are held against that.
fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let escaped = pair.filter(|pair| pair.bytes().all(|c| c.is_ascii_hexdigit()));
        let byte = escaped.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match byte.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Bytes of a body that are managed fields, of the object or of each in a list.
#[must_use]
pub fn managed_fields(body: &str) -> usize {
    #[derive(Deserialize)]
    struct Managed<'a> {
        #[serde(borrow)]
        metadata: Option<Metadata<'a>>,
        #[serde(borrow)]
        items: Option<Vec<Self>>,
    }
    #[derive(Deserialize)]
    struct Metadata<'a> {
        #[serde(borrow, rename = "managedFields")]
        fields: Option<&'a RawValue>,
    }
    impl Managed<'_> {
        fn size(&self) -> usize {
            let fields = self.metadata.as_ref().and_then(|metadata| metadata.fields);
            // `"managedFields":`, the list, and a comma.
            let own = fields.map_or(0, |fields| fields.get().len() + 17);
            own + self.items.iter().flatten().map(Self::size).sum::<usize>()
        }
    }
    let finder = memchr::memmem::find(body.as_bytes(), b"\"managedFields\":");
    if finder.is_none() {
        return 0;
    }
    serde_json::from_str::<Managed<'_>>(body).map_or(0, |object| object.size())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event at this level, with these members before its end.
    fn line(level: &str, verb: &str, more: &str) -> String {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"{level}","auditID":"x","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/n/pods?dryRun=All","verb":"{verb}","user":{{"username":"u","groups":["g","system:authenticated"]}},"objectRef":{{"resource":"pods","namespace":"n","name":"p","apiVersion":"v1"}},"responseStatus":{{"metadata":{{}},"code":201}}{more},"stageTimestamp":"2026-11-21T08:05:36.377966Z"}}"#
        )
    }

    fn cost(line: &str, level: Level) -> Cost {
        Event::parse(line.as_bytes()).unwrap().cost(line.len(), level, true)
    }

    #[test]
    fn what_is_left_at_a_lower_level_is_the_line_that_would_have_been_written() {
        let request = r#","requestObject":{"kind":"Pod","metadata":{"name":"p"},"spec":{"x":"requestObject"}}"#;
        let response = r#","responseObject":{"kind":"Pod","metadata":{"name":"p"}}"#;
        let managed = r#","responseObject":{"kind":"Pod","metadata":{"name":"p","managedFields":[{"manager":"m","fieldsV1":{"f:a":{"[]":"}"}}}]}}"#;
        let full = line("RequestResponse", "create", &format!("{request}{response}"));
        let owned = line("RequestResponse", "create", &format!("{request}{managed}"));
        for from in [&full, &owned] {
            for (level, more) in [
                (Level::Metadata, String::new()),
                (Level::Request, request.to_owned()),
                (Level::RequestResponse, format!("{request}{response}")),
            ] {
                let written = line(level.name(), "create", &more).len() as u64 + 1;
                let expected = Cost { bytes: written, ..Cost::default() };
                assert_eq!(cost(from, level), expected, "{level:?} of {from}");
            }
        }
        let kept = Event::parse(owned.as_bytes()).unwrap();
        let kept = kept.cost(owned.len(), Level::RequestResponse, false);
        assert_eq!(kept.bytes, owned.len() as u64 + 1);
    }

    #[test]
    fn what_a_higher_level_would_add_is_named() {
        let of = |verb: &str, more: &str, level| {
            let cost = cost(&line("Metadata", verb, more), level);
            (cost.request, cost.response)
        };
        let (request, response) = (Some(Part::Request), Some(Part::Response));
        assert_eq!(of("create", "", Level::Metadata), (None, None));
        assert_eq!(of("create", "", Level::Request), (request, None));
        assert_eq!(of("patch", "", Level::RequestResponse), (request, response));
        assert_eq!(of("get", "", Level::RequestResponse), (None, response));
        assert_eq!(of("watch", "", Level::RequestResponse), (None, None));
        let denied = line("Metadata", "create", "").replace("201", "403");
        let denied = cost(&denied, Level::RequestResponse);
        assert_eq!((denied.request, denied.response), (None, Some(Part::Failure)));
        let exec = line("Metadata", "create", "")
            .replace(r#""apiVersion":"v1"}"#, r#""apiVersion":"v1","subresource":"exec"}"#);
        assert_eq!(cost(&exec, Level::RequestResponse).response, None);
        let at_request = cost(&line("Request", "update", ""), Level::RequestResponse);
        assert_eq!((at_request.request, at_request.response), (None, response));
    }

    #[test]
    fn the_request_is_what_came_in() {
        let text = line("Metadata", "create", "");
        let event = Event::parse(text.as_bytes()).unwrap();
        assert_eq!(event.object().unwrap().name, "p");
        let request = event.request();
        let Target::Resource(object) = request.target else { panic!("it is for a resource") };
        assert_eq!((object.name, object.namespace, object.resource), ("", "n", "pods"));
        assert_eq!((request.who.name, request.who.groups.len()), (Some("u"), 2));
        assert_eq!((event.query(), event.succeeded()), ("dryRun=All", true));
        let text = line("Metadata", "update", "").replace("/pods?", "/pods/p?");
        let event = Event::parse(text.as_bytes()).unwrap();
        let Target::Resource(object) = event.request().target else { panic!("the same") };
        assert_eq!(object.name, "p");
        let text = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"Panic","requestURI":"/a%2Fb%zz%?x","user":{}}"#;
        let event = Event::parse(text.as_bytes()).unwrap();
        assert_eq!(event.request().target, Target::Path("/a/b%zz%".into()));
        assert_eq!(event.request().who, Who::default());
    }

    #[test]
    fn what_is_no_event_is_none() {
        let whole = line("Metadata", "get", "");
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for text in [
            "",
            "{}",
            "null",
            &whole[1..],
            &format!("{whole}{whole}"),
            &whole.replace("Event", "Pod"),
            &whole.replace("audit.k8s.io", "v1"),
            &whole.replace("Metadata", "Everything"),
            &whole.replace("ResponseComplete", "Later"),
            &line("Metadata", "get", r#","verb":"again""#),
            &deep,
        ] {
            assert!(Event::parse(text.as_bytes()).is_none(), "{text}");
        }
        assert!(Event::parse(&[0xff, b'{', 0]).is_none());
    }

    #[test]
    fn lists_have_managed_fields_too() {
        let body = r#"{"items":[{"metadata":{"managedFields":[1]}},{"metadata":{"managedFields":[22]}},{}]}"#;
        assert_eq!(managed_fields(body), 17 + 3 + 17 + 4);
        assert_eq!(managed_fields(r#"{"items":"\"managedFields\":"}"#), 0);
        assert_eq!(managed_fields(r#"["managedFields"]"#), 0);
    }
}
