//! Asks sinks what they have, by chain and hour.

use auditseal_delivery::{SinkUrl, index_of};
use auditseal_format::{Date, Origin, Time};
use auditseal_vault::PeerRequest;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::counts::{Counts, Place, Span};
use crate::sender::peer;

/// Indices and hours of a chain in an answer of OpenSearch; it has 65,536 in all that it gives at once.
const PAGE: u64 = 1000;

/// Documents of OpenSearch, by chain and hour. What came last is made visible before, where that may be asked for.
///
/// # Errors
/// Why it can't be asked, or what of its answer is no count.
pub(crate) async fn in_opensearch(
    sink: &SinkUrl,
    chains: &[&Origin],
    span: Span,
) -> Result<Counts, String> {
    let indices = format!("/{}-*", sink.prefix);
    let (status, body) = posted(sink, &format!("{indices}/_refresh"), &json!({})).await?;
    // Who may only read counts what is visible.
    if status != 403 {
        read(sink, status, &body)?;
    }
    let mut counts = Counts::new();
    for origin in chains {
        let mut after = None;
        loop {
            let query = hours(origin, span, after.as_ref());
            let (status, body) = posted(sink, &format!("{indices}/_search"), &query).await?;
            let answer = read(sink, status, &body)?;
            let Some(last) = page(sink, (origin, &answer), &mut counts)? else { break };
            if after.as_ref().is_some_and(|before| last <= *before) {
                return Err(unreadable(sink));
            }
            after = Some(last);
        }
    }
    Ok(counts)
}

/// An index and the beginning of an hour, milliseconds: what answers are ordered by.
type Hour = (String, i64);

/// The question for a chain's documents in the hours behind one.
fn hours(origin: &Origin, span: Span, after: Option<&Hour>) -> Value {
    let millis = |time: Time| time.micros() / 1000;
    let range = json!({
        "gte": millis(span.since), "lt": millis(span.until), "format": "epoch_millis"
    });
    let hour = json!({ "field": "@timestamp", "fixed_interval": "1h" });
    let mut composite = json!({ "size": PAGE, "sources": [
        { "index": { "terms": { "field": "_index" } } },
        { "hour": { "date_histogram": hour } },
    ] });
    if let Some((index, hour)) = after {
        composite["after"] = json!({ "index": index, "hour": hour });
    }
    json!({
        "size": 0,
        "query": { "bool": { "filter": [
            { "term": { "auditseal.origin": origin.as_str() } },
            { "range": { "@timestamp": range } },
        ] } },
        "aggs": { "hours": { "composite": composite } },
    })
}

/// Counts what is in an answer; gives the last of its hours, or nothing if there was none.
fn page(
    sink: &SinkUrl,
    (origin, answer): (&Origin, &Value),
    counts: &mut Counts,
) -> Result<Option<Hour>, String> {
    // Counted while a shard says nothing, what is there looks lost.
    if answer["_shards"]["failed"] != json!(0) || answer["timed_out"] != json!(false) {
        return Err(format!("ask {}: only a part of it answered", sink.name));
    }
    let mut last = None;
    // Without an index there is no aggregation.
    for bucket in answer["aggregations"]["hours"]["buckets"].as_array().into_iter().flatten() {
        let (index, hour) = (bucket["key"]["index"].as_str(), bucket["key"]["hour"].as_i64());
        let (Some(index), Some(hour), Some(count)) = (index, hour, bucket["doc_count"].as_u64())
        else {
            return Err(unreadable(sink));
        };
        // Those of a longer prefix begin alike.
        if is_ours(&sink.prefix, index) {
            let time = Time::from_micros(hour.saturating_mul(1000));
            *counts.entry(Place::new(Some(origin.clone()), Some(time))).or_default() += count;
        }
        last = Some((index.to_owned(), hour));
    }
    Ok(last)
}

/// Whether an index is the prefix and a day.
fn is_ours(prefix: &str, index: &str) -> bool {
    let day = index.rsplit('-').next().unwrap_or_default().replace('.', "-");
    Date::parse(day.as_bytes()).is_some_and(|day| index_of(prefix, day) == index)
}

/// Lines of VictoriaLogs, by chain and hour. Streams are asked for by their labels: a line may have members that are
/// called like them.
///
/// # Errors
/// Why it can't be asked, or what of its answer is no count.
pub(crate) async fn in_victorialogs(
    sink: &SinkUrl,
    chains: &[&Origin],
    span: Span,
) -> Result<Counts, String> {
    let mut base = sink.clone();
    base.address = sink.address.trim_end_matches("/insert").to_owned();
    let nanos = |time: Time| time.micros().saturating_mul(1000);
    let mut counts = Counts::new();
    for origin in chains {
        // No part of an origin has anything that would end a string.
        let query = format!(
            "_time:[{}, {}) {{job=\"auditseal\", cluster=\"{}\", node=\"{}\", source=\"{}\"}} | stats by (_time:1h) count() n",
            nanos(span.since),
            nanos(span.until),
            origin.cluster(),
            origin.node(),
            origin.source(),
        );
        let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let content = ("content-type", "application/x-www-form-urlencoded".to_owned());
        let asked = PeerRequest {
            method: "POST",
            path: "/select/logsql/query".to_owned(),
            headers: vec![content],
            body: Bytes::from(format!("query={query}")),
        };
        let (status, body) = answered(&base, asked).await?;
        well(sink, status)?;
        for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let row: Value = serde_json::from_slice(line).map_err(|_| unreadable(sink))?;
            let text = |name: &str| row[name].as_str().unwrap_or_default();
            let hour = Time::certain(text("_time").as_bytes());
            let (Some(hour), Ok(count)) = (hour, text("n").parse::<u64>()) else {
                return Err(unreadable(sink));
            };
            *counts.entry(Place::new(Some((*origin).clone()), Some(hour))).or_default() += count;
        }
    }
    Ok(counts)
}

async fn posted(sink: &SinkUrl, path: &str, body: &Value) -> Result<(u16, Bytes), String> {
    let headers = vec![("content-type", "application/json".to_owned())];
    let body = Bytes::from(body.to_string());
    answered(sink, PeerRequest { method: "POST", path: path.to_owned(), headers, body }).await
}

async fn answered(sink: &SinkUrl, asked: PeerRequest) -> Result<(u16, Bytes), String> {
    let answer = peer(sink).ask(asked).await;
    let answer = answer.map_err(|why| format!("ask {}: {why}", sink.name))?;
    if answer.whole || answer.status >= 300 {
        Ok((answer.status, answer.body))
    } else {
        Err(unreadable(sink))
    }
}

fn read(sink: &SinkUrl, status: u16, body: &[u8]) -> Result<Value, String> {
    well(sink, status)?;
    serde_json::from_slice(body).map_err(|_| unreadable(sink))
}

fn well(sink: &SinkUrl, status: u16) -> Result<(), String> {
    if status >= 300 { Err(format!("ask {}: it answered {status}", sink.name)) } else { Ok(()) }
}

fn unreadable(sink: &SinkUrl) -> String {
    format!("ask {}: its answer can't be read", sink.name)
}
