//! What a `--sink` says: where, by which protocol, and how.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

use crate::shape::{FieldList, LEAST_EVENT, Shape};

/// By which protocol a sink is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SinkKind {
    /// A file of lines.
    File,
    /// OpenSearch or Elasticsearch.
    OpenSearch,
    /// Whatever takes Loki's pushes.
    Loki,
    /// Whatever takes logs by OTLP over HTTP.
    Otlp,
    /// Syslog over TLS.
    Syslog,
}

impl SinkKind {
    /// What a log line calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::OpenSearch => "opensearch",
            Self::Loki => "loki",
            Self::Otlp => "otlp",
            Self::Syslog => "syslog",
        }
    }

    /// Whether a line that is handed over twice is there once.
    #[must_use]
    pub const fn is_exactly_once(self) -> bool {
        matches!(self, Self::File | Self::OpenSearch)
    }

    /// Bytes of an event that such sinks take as they come out of the box.
    const fn event(self) -> Option<usize> {
        match self {
            Self::File | Self::OpenSearch | Self::Otlp => None,
            // Loki's max_line_size is 256 kB.
            Self::Loki => Some(250_000),
            // syslog-ng's log-msg-size is 64 KiB, and the head needs some of it.
            Self::Syslog => Some(60_000),
        }
    }
}

/// Bytes of the events of a request, unless a sink says otherwise. A larger event goes alone.
const REQUEST: usize = 1 << 20;
/// The largest request that may be asked for: an OpenTelemetry Collector takes 20 MiB, OpenSearch 100.
const LARGEST_REQUEST: usize = 64 << 20;

/// A sink, as it was given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkUrl {
    /// Its protocol.
    pub kind: SinkKind,
    /// Where it is: a path, `http(s)://host:port/path` or `host:port`.
    pub address: String,
    /// How indices are called, before their dates.
    pub prefix: String,
    /// What it is called in logs, metrics and file names.
    pub name: String,
    /// File with a bearer token.
    pub token_file: Option<PathBuf>,
    /// File with `user:password`.
    pub basic_file: Option<PathBuf>,
    /// PEM file of certificate authorities to trust, instead of the system's.
    pub ca: Option<PathBuf>,
    /// PEM files of a client certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// What Loki's `X-Scope-OrgID` says.
    pub tenant: Option<String>,
    /// Bytes of the events of a request.
    pub request: usize,
    /// What of an event it gets.
    pub shape: Shape,
    /// The URL without its options.
    plain: String,
}

impl SinkUrl {
    /// The URL without its options: which sink it is, between two runs.
    #[must_use]
    pub fn plain(&self) -> &str {
        &self.plain
    }

    /// What two sinks that are one have in common: what is handed over to both is there once, or twice.
    #[must_use]
    pub fn target(&self) -> (SinkKind, String, &str, Option<&str>) {
        let address = match self.kind {
            SinkKind::File => self.address.clone(),
            // A host has no case.
            _ => self.address.trim_end_matches('/').to_ascii_lowercase(),
        };
        (self.kind, address, &self.prefix, self.tenant.as_deref())
    }
}

impl fmt::Display for SinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plain)
    }
}

/// Why a `--sink` isn't one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkRefused(String);

impl fmt::Display for SinkRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SinkRefused {}

fn refused(why: impl Into<String>) -> SinkRefused {
    SinkRefused(why.into())
}

/// Schemes and options that people try, and that are named when they are refused. Anything else that stands in their
/// places isn't: it may be a password.
const TRIED: [&str; 39] = [
    "amqp",
    "cloudwatch",
    "datadog",
    "elastic",
    "elasticsearch",
    "es",
    "fluentd",
    "forward",
    "gelf",
    "grpc",
    "http",
    "https",
    "kafka",
    "loki",
    "mqtt",
    "nats",
    "opensearch",
    "otlp",
    "redis",
    "relp",
    "s3",
    "splunk",
    "stdout",
    "syslog",
    "tcp",
    "tls",
    "udp",
    "unix",
    "victorialogs",
    "api-key",
    "compression",
    "index",
    "insecure",
    "password",
    "timeout",
    "token",
    "user",
    "username",
    "verify",
];
const OPTIONS: [&str; 11] = [
    "name",
    "token-file",
    "basic-file",
    "ca",
    "cert",
    "key",
    "tenant",
    "max-event",
    "max-request",
    "fields",
    "redact",
];

const SCHEMES: &str = "file:///PATH, opensearch+https://, loki+https://, otlp+https:// (each with http:// too) and \
                       syslog+tls:// are sinks";

impl FromStr for SinkUrl {
    type Err = SinkRefused;

    fn from_str(text: &str) -> Result<Self, SinkRefused> {
        let (plain, options) = text.split_once('?').unwrap_or((text, ""));
        let (scheme, rest) =
            plain.split_once("://").ok_or_else(|| refused(format!("no scheme: {SCHEMES}")))?;
        if plain.contains(char::is_whitespace) || plain.contains(char::is_control) {
            return Err(refused("a blank is in it"));
        }
        let (kind, transport) = kind(scheme)?;
        let mut sink = Self {
            kind,
            address: rest.to_owned(),
            prefix: "auditseal".to_owned(),
            name: String::new(),
            token_file: None,
            basic_file: None,
            ca: None,
            identity: None,
            tenant: None,
            request: REQUEST,
            shape: Shape { most: kind.event(), ..Shape::default() },
            plain: plain.trim_end_matches('/').to_owned(),
        };
        sink.placed(transport, rest)?;
        sink.name = named(&sink.plain);
        let (mut certificate, mut key) = (None, None);
        for (option, nth) in options.split('&').filter(|option| !option.is_empty()).zip(1..) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            if !OPTIONS.contains(&name) {
                let kind = kind.as_str();
                return Err(refused(match TRIED.contains(&name) {
                    true => format!("{name} is no option of {kind}"),
                    false => format!("the {nth}. of its options is none of {}", OPTIONS.join(", ")),
                }));
            }
            let value = percent_decode_str(value)
                .decode_utf8()
                .map_err(|_| refused(format!("{name} isn't UTF-8")))?;
            if value.is_empty() {
                return Err(refused(format!("{name} has no value")));
            }
            match name {
                "cert" => certificate = Some(PathBuf::from(&*value)),
                "key" => key = Some(PathBuf::from(&*value)),
                _ => sink.option(name, &value)?,
            }
        }
        sink.identity = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => return Err(refused("cert and key come together")),
        };
        Ok(sink)
    }
}

fn kind(scheme: &str) -> Result<(SinkKind, &str), SinkRefused> {
    let (protocol, transport) = scheme.split_once('+').unwrap_or((scheme, ""));
    let kind = match (protocol, transport) {
        ("file", "") => SinkKind::File,
        ("opensearch" | "elasticsearch", "http" | "https") => SinkKind::OpenSearch,
        ("loki", "http" | "https") => SinkKind::Loki,
        ("otlp", "http" | "https") => SinkKind::Otlp,
        ("syslog", "tls") => SinkKind::Syslog,
        _ if scheme.split('+').all(|word| TRIED.contains(&word)) => {
            return Err(refused(format!("{scheme} is no sink: {SCHEMES}")));
        }
        _ => return Err(refused(format!("what stands before :// is no scheme: {SCHEMES}"))),
    };
    Ok((kind, transport))
}

/// What a sink is called that isn't given a name.
fn named(plain: &str) -> String {
    let plain: String = plain
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
        .collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").chars().take(LONGEST_NAME).collect();
    name
}

/// Characters of the longest name: it becomes a part of file names.
const LONGEST_NAME: usize = 100;

impl SinkUrl {
    fn placed(&mut self, transport: &str, rest: &str) -> Result<(), SinkRefused> {
        if self.kind == SinkKind::File {
            let path = percent_decode_str(rest)
                .decode_utf8()
                .map_err(|_| refused("its path isn't UTF-8"))?;
            if !path.starts_with('/') || path.ends_with('/') {
                return Err(refused("a file is file:///PATH"));
            }
            self.address = path.into_owned();
            return Ok(());
        }
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.contains('@') {
            return Err(refused("user and password come from a file: basic-file=PATH"));
        }
        if host.is_empty() || rest.contains('#') {
            return Err(refused("no host"));
        }
        let port = port(host)?;
        let path = path.trim_end_matches('/');
        match self.kind {
            SinkKind::Syslog if path.is_empty() && port.is_some() => self.address = host.to_owned(),
            SinkKind::Syslog => return Err(refused("syslog is syslog+tls://HOST:PORT")),
            SinkKind::OpenSearch => {
                let lower = path
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
                if !path.is_empty()
                    && (!lower || path.starts_with(['-', '_']) || path.len() > LONGEST_NAME)
                {
                    return Err(refused(
                        "behind the host stands how indices begin: a-z, 0-9, - and _",
                    ));
                }
                if !path.is_empty() {
                    path.clone_into(&mut self.prefix);
                }
                self.address = format!("{transport}://{host}");
            }
            _ if path.is_empty() => self.address = format!("{transport}://{host}"),
            _ => self.address = format!("{transport}://{host}/{path}"),
        }
        Ok(())
    }

    fn option(&mut self, name: &str, value: &str) -> Result<(), SinkRefused> {
        let path = || Some(PathBuf::from(value));
        let bytes = |least: usize, most: usize| {
            let bytes = size(value).filter(|bytes| (least..=most).contains(bytes));
            bytes.ok_or_else(|| {
                refused(format!("{name} is a size from {least} to {most} bytes, like 256KiB"))
            })
        };
        let fields = || {
            let list = value.parse::<FieldList>();
            list.map_err(|()| refused(format!("{name} is fields like a,b.c,b.\"d.e\"")))
        };
        let on_the_network = self.kind != SinkKind::File;
        let by_http = on_the_network && self.kind != SinkKind::Syslog;
        match name {
            "name" => {
                let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                if !value.chars().all(plain) || value.starts_with('.') || value.len() > LONGEST_NAME
                {
                    return Err(refused("name is letters, digits, . _ and -"));
                }
                value.clone_into(&mut self.name);
            }
            "token-file" if by_http => self.token_file = path(),
            "basic-file" if by_http => self.basic_file = path(),
            "ca" if on_the_network => self.ca = path(),
            "tenant" if self.kind == SinkKind::Loki => {
                if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(refused("tenant is what a header can say"));
                }
                self.tenant = Some(value.to_owned());
            }
            "max-request" if on_the_network => self.request = bytes(LEAST_EVENT, LARGEST_REQUEST)?,
            "max-event" => self.shape.most = Some(bytes(LEAST_EVENT, LARGEST_REQUEST)?),
            "fields" => self.shape.fields.add(fields()?),
            "redact" => self.shape.redact.add(fields()?),
            _ => return Err(refused(format!("{name} is no option of {}", self.kind.as_str()))),
        }
        Ok(())
    }
}

/// The port behind a host, if there is one.
fn port(host: &str) -> Result<Option<u16>, SinkRefused> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').unwrap_or((rest, "]"));
            if address.parse::<core::net::Ipv6Addr>().is_err() {
                return Err(refused("in brackets stands an IPv6 address"));
            }
            (address, Some(port).filter(|port| !port.is_empty()))
        }
        None if host.matches(':').count() > 1 => (host, Some("")),
        None => match host.split_once(':') {
            Some((name, _)) => (name, Some(&host[name.len()..])),
            None => (host, None),
        },
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(refused("its host is no name and no address: letters, digits, - and ."));
    }
    let Some(port) = port else { return Ok(None) };
    let digits = port.strip_prefix(':').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok()).filter(|port| *port > 0);
    // It isn't named: a password may stand there.
    number.map(Some).ok_or_else(|| {
        refused("its port is no number from 1 to 65535; an IPv6 address stands in brackets")
    })
}

/// Bytes: a number, or one with KiB, MiB, kB or MB.
fn size(text: &str) -> Option<usize> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("kB", 1000), ("MB", 1_000_000), ("", 1)];
    let (number, unit) =
        units.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, bytes)))?;
    number.parse::<usize>().ok()?.checked_mul(*unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> SinkUrl {
        text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn sinks_are_read() {
        let file = read("file:///srv/out.jsonl");
        assert_eq!(
            (file.address.as_str(), file.name.as_str()),
            ("/srv/out.jsonl", "file-srv-out.jsonl")
        );
        let search = read(
            "opensearch+https://logs.example:9200/k8s-audit?ca=/etc/ca.pem&basic-file=/run/a%20b&max-event=1MiB",
        );
        assert_eq!(
            (search.address.as_str(), search.prefix.as_str()),
            ("https://logs.example:9200", "k8s-audit")
        );
        assert_eq!(search.basic_file, Some(PathBuf::from("/run/a b")));
        assert_eq!(
            (search.shape.most, search.plain()),
            (Some(1 << 20), "opensearch+https://logs.example:9200/k8s-audit")
        );
        let loki = read(
            "loki+http://127.0.0.1:9428/insert/?redact=requestObject.data,responseObject&name=vl&tenant=a",
        );
        assert_eq!(
            (loki.address.as_str(), loki.name.as_str()),
            ("http://127.0.0.1:9428/insert", "vl")
        );
        assert_eq!(loki.shape.redact.to_string(), "requestObject.data,responseObject");
        let twice = read("file:///a?redact=a&redact=b.%22c.d%22,e");
        assert_eq!(twice.shape.redact.to_string(), "a,b.\"c.d\",e");
        assert_eq!(read("syslog+tls://[::1]:6514").address, "[::1]:6514");
        assert_eq!(read("elasticsearch+http://h").prefix, "auditseal");
        for host in ["h:1", "h:65535", "[::1]", "[fe80::1]:4318", "10.0.0.1:80", "a-b.c_d.example"]
        {
            assert_eq!(read(&format!("otlp+http://{host}")).address, format!("http://{host}"));
        }
        assert!(read("otlp+http://h:4318?cert=/c&key=/k").identity.is_some());
    }

    #[test]
    fn what_is_no_sink_says_why() {
        for (text, why) in [
            ("/srv/out", "no scheme"),
            ("kafka://h", "kafka is no sink"),
            ("http://h", "http is no sink"),
            ("secret://h", "no scheme"),
            ("loki+secret://h", "no scheme"),
            ("secret+https://h", "no scheme"),
            ("file://srv/out", "file:///PATH"),
            ("file:///srv/", "file:///PATH"),
            ("file:///a?ca=/x", "ca is no option of file"),
            ("opensearch+https://a:b@h", "basic-file"),
            ("opensearch+https:///a", "no host"),
            ("opensearch+https://h/Audit", "indices"),
            ("opensearch+https://h/a/b", "indices"),
            ("syslog+tls://h", "HOST:PORT"),
            ("syslog+tls://h:1?token-file=/a", "no option of syslog"),
            ("otlp+http://h?cert=/a", "together"),
            ("otlp+http://h?tenant=a", "tenant"),
            ("otlp+http://h?max-event=1", "4096"),
            ("otlp+http://h?max-request=1GiB", "like 256KiB"),
            ("otlp+http://h?name=../x", "name"),
            ("otlp+http://h?ca=", "no value"),
            ("otlp+http://h?token=secret", "token is no option"),
            ("loki+http://h h", "blank"),
            ("otlp+http://h?secret", "the 1. of its options"),
            ("otlp+http://h?name=x&secret=1", "the 2. of its options"),
            ("otlp+http://h?secret%ff=%ff", "the 1. of its options"),
            ("otlp+http://h:0", "1 to 65535"),
            ("otlp+http://h:65536", "1 to 65535"),
            ("otlp+http://h:secret", "1 to 65535"),
            ("otlp+http://h:", "1 to 65535"),
            ("otlp+http://h:+80", "1 to 65535"),
            ("otlp+http://h:80:81", "1 to 65535"),
            ("opensearch+http://user:secret/x", "1 to 65535"),
            ("otlp+http://::1", "brackets"),
            ("otlp+http://:80", "host"),
            ("otlp+http://secret!secret", "host"),
            ("otlp+http://[secret]:80", "IPv6"),
            ("otlp+http://[::1]80", "1 to 65535"),
            ("otlp+http://[::1", "1 to 65535"),
            ("syslog+tls://[::1]", "HOST:PORT"),
            ("syslog+tls://h:70000", "1 to 65535"),
        ] {
            let refused = text.parse::<SinkUrl>().unwrap_err().to_string();
            assert!(refused.contains(why), "{text}: {refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    /// Ten times as long as a name may be.
    #[test]
    fn a_long_address_has_a_name() {
        let path = "x".repeat(10 * LONGEST_NAME);
        assert_eq!(read(&format!("file:///{path}")).name.len(), LONGEST_NAME);
        assert!(format!("file:///a?name={path}").parse::<SinkUrl>().is_err());
    }
}
