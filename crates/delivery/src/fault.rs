//! Whose fault an error of OpenSearch's or Elasticsearch's is: an event's, or the index' and the cluster's.
//!
//! Both say 400 of a document that they can't take, and of one for which they can make no index now. What speaks of a
//! document is a closed list here: an event that is waited for can be handed over later, and one that was set aside
//! for the cluster's sake is missing there for ever.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Kinds of errors that speak of a document, and how their reasons begin where others are of that kind, too.
const OF_A_DOCUMENT: [(&str, &[&str]); 9] = [
    ("mapper_parsing_exception", &[]),
    ("document_parsing_exception", &[]),
    ("strict_dynamic_mapping_exception", &[]),
    // What a pipeline, or a parser, says of its JSON.
    ("json_parse_exception", &[]),
    ("x_content_parse_exception", &[]),
    ("stream_constraints_exception", &[]),
    ("input_coercion_exception", &[]),
    ("parse_exception", &["Failed to parse content"]),
    (
        "illegal_argument_exception",
        &[
            // A term, or a document, against Lucene's and the mapping's limits.
            "Document contains at least one immense term",
            "DocValuesField ",
            "Limit of total fields ",
            "Limit of mapping depth ",
            // A member that doesn't fit the mapping.
            "mapper [",
            "can't merge a non object mapping ",
            "Can't merge a non object mapping ",
            "object field starting or ending with a [.] ",
            "name cannot be empty string",
            "field name cannot be an empty string",
            // What processors of a pipeline say of a document that isn't as they want it.
            "field [",
            "cannot set [",
            "unable to convert [",
            "unable to parse date [",
            "Provided Grok expressions do not match field value",
        ],
    ),
];

/// Of the first of these kinds, a template's fault, told of each document for which no index could be made.
const OF_A_MAPPING: [&str; 2] = ["Failed to parse mapping", "failed to parse mapping"];

#[derive(Deserialize)]
struct Fault {
    #[serde(rename = "type")]
    kind: String,
    reason: Option<String>,
}

/// Whether an item's error is the document's fault. Of one that can't be read nobody knows it.
pub(crate) fn is_of_the_document(error: Option<&RawValue>) -> bool {
    let fault = error.and_then(|error| serde_json::from_str::<Fault>(error.get()).ok());
    let Some(Fault { kind, reason }) = fault else { return false };
    let reason = reason.unwrap_or_default();
    let begins = |words: &[&str]| words.iter().any(|words| reason.starts_with(words));
    let of_kind = OF_A_DOCUMENT.iter().find(|(name, _)| *name == kind);
    of_kind.is_some_and(|(_, words)| words.is_empty() || begins(words)) && !begins(&OF_A_MAPPING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_of_it(error: &str) -> bool {
        is_of_the_document(Some(&RawValue::from_string(error.to_owned()).unwrap()))
    }

    fn of(kind: &str, reason: &str) -> bool {
        is_of_it(&serde_json::json!({ "type": kind, "reason": reason }).to_string())
    }

    /// As OpenSearch 2.19 said them of documents, measured, but for the second kind, which is Elasticsearch's.
    #[test]
    fn what_speaks_of_a_document_is_its_fault() {
        let illegal = "illegal_argument_exception";
        for (kind, reason) in [
            ("mapper_parsing_exception", "failed to parse"),
            (
                "mapper_parsing_exception",
                "object mapping for [objectRef] tried to parse field [objectRef] as object, but found a concrete value",
            ),
            ("document_parsing_exception", "[1:7] failed to parse"),
            (
                "strict_dynamic_mapping_exception",
                "mapping set to strict, dynamic introduction of [kind] within [_doc] is not allowed",
            ),
            ("parse_exception", "Failed to parse content to map"),
            (illegal, "Document contains at least one immense term in field=\"t\" (whose UTF8"),
            (illegal, "Limit of total fields [1000] has been exceeded"),
            (illegal, "Limit of mapping depth [20] has been exceeded due to object field [a.a]"),
            (illegal, "field [d] not present as part of path [d]"),
            (
                illegal,
                "cannot set [y] with parent object of type [java.lang.String] as part of path [x.y]",
            ),
            (illegal, "unable to convert [x] to integer"),
            (illegal, "unable to parse date [x]"),
        ] {
            assert!(of(kind, reason), "{kind}: {reason}");
        }
        assert!(is_of_it("{\"type\":\"mapper_parsing_exception\"}"));
    }

    #[test]
    fn everything_else_is_not() {
        let illegal = "illegal_argument_exception";
        for (kind, reason) in [
            (
                "validation_exception",
                "Validation Failed: 1: this action would add [2] total shards, but this cluster currently has [7]/[7] maximum shards open;",
            ),
            (illegal, "pipeline with id [x] does not exist"),
            (illegal, "no write index is defined for alias [x]"),
            (illegal, "index [x] has no limit of total fields"),
            (illegal, ""),
            ("mapper_parsing_exception", "Failed to parse mapping [_doc]: no handler for type [x]"),
            ("parse_exception", "unit is missing"),
            ("invalid_index_name_exception", "Invalid index name [X], must be lowercase"),
            ("index_closed_exception", "closed"),
            ("some_exception_that_is_new", "failed to parse"),
        ] {
            assert!(!of(kind, reason), "{kind}: {reason}");
        }
        for error in ["\"mapper_parsing_exception\"", "null", "{}", "[]", "{\"type\":7}"] {
            assert!(!is_of_it(error), "{error}");
        }
        assert!(!is_of_the_document(None));
    }
}
