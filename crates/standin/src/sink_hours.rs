//! What OpenSearch answers to whoever counts documents by index and hour: a *composite* aggregation over a range of times.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Milliseconds of an hour.
const HOUR: i64 = 3_600_000;

/// The documents of one origin in a range of times, counted; of the indices whose names begin like the pattern.
pub(crate) fn hours(
    documents: &BTreeMap<(String, String), Value>,
    pattern: &str,
    asked: &Value,
) -> Value {
    let begin = pattern.trim_end_matches('*');
    let filters = &asked["query"]["bool"]["filter"];
    let (origin, range) =
        (&filters[0]["term"]["auditseal.origin"], &filters[1]["range"]["@timestamp"]);
    let mut counts: BTreeMap<(&str, i64), u64> = BTreeMap::new();
    for ((index, _), document) in
        documents.iter().filter(|((index, _), _)| index.starts_with(begin))
    {
        let Some(time) = document["@timestamp"].as_str().and_then(millis) else { continue };
        let inside = range["gte"].as_i64().is_none_or(|since| since <= time)
            && range["lt"].as_i64().is_none_or(|until| time < until);
        if inside && document["auditseal"]["origin"] == *origin {
            *counts.entry((index, time / HOUR * HOUR)).or_default() += 1;
        }
    }
    let asked = &asked["aggs"]["hours"]["composite"];
    let after = (asked["after"]["index"].as_str(), asked["after"]["hour"].as_i64());
    let page = asked["size"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(10);
    let later = counts.into_iter().filter(|(at, _)| match after {
        (Some(index), Some(hour)) => *at > (index, hour),
        _ => true,
    });
    let buckets = later.take(page).map(|((index, hour), count)| {
        json!({ "key": { "index": index, "hour": hour }, "doc_count": count })
    });
    let buckets: Vec<Value> = buckets.collect();
    let mut found = json!({ "buckets": buckets });
    if let Some(last) = buckets.last() {
        found["after_key"] = last["key"].clone();
    }
    json!({ "timed_out": false, "aggregations": { "hours": found } })
}

/// Milliseconds since the Unix epoch of a time to the microsecond, which is all that a *date* keeps of it.
fn millis(text: &str) -> Option<i64> {
    let time = humantime::parse_rfc3339(text).ok()?;
    let since = time.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}
