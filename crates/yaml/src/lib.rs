//! YAML as Kubernetes' tools write it: read within bounds, and written with a note behind each value.

mod write;

use serde::de::DeserializeOwned;

pub use write::{YamlStep, write};

/// Values in one document: more than five thousand objects of a usual size.
const NODES: usize = 4_000_000;
/// Bytes of text in one document.
const TEXT: usize = 64 << 20;
/// Lists and objects inside each other: more than the apiserver's own types have.
const DEPTH: usize = 100;

/// Reads one document, which may be JSON. A member that stands twice in one object is refused.
///
/// # Errors
/// What is wrong with it, as a sentence; also where it is larger than is read.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let budget = serde_saphyr::budget! {
        max_nodes: NODES, max_events: 3 * NODES, max_total_scalar_bytes: TEXT, max_depth: DEPTH
    };
    let options = serde_saphyr::options! { budget: budget };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| said(&error))
}

fn said(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::budget::BudgetBreach::{Events, Nodes, ScalarBytes};
    match error.without_snippet() {
        serde_saphyr::Error::Budget { breach: Nodes { .. } | Events { .. }, .. } => {
            format!("a document of it has more than {NODES} values")
        }
        serde_saphyr::Error::Budget { breach: ScalarBytes { .. }, .. } => {
            format!("a document of it has more than {TEXT} bytes of text")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn yaml_is_read_as_kubectl_writes_it() {
        let text = "apiVersion: v1\nitems:\n- data:\n    a: |\n      x: 1\n      y\n    b: \"yes\"\n  spec:\n    ports: [80, {p: 1}]\n    none: null\n    on: true\n";
        let value = json!({"apiVersion": "v1", "items": [{"data": {"a": "x: 1\ny\n", "b": "yes"},
            "spec": {"ports": [80, {"p": 1}], "none": null, "on": true}}]});
        assert_eq!(read::<Value>(text), Ok(value.clone()));
        assert_eq!(read::<Value>(&value.to_string()), Ok(value));
        for wrong in ["a: 1\na: 2\n", "a: [", "a: 1\n b: 2\n"] {
            assert!(read::<Value>(wrong).is_err(), "{wrong}");
        }
    }

    /// Ten times as many values as are read, ten times as deep, and names that stand for one another.
    #[test]
    fn what_is_larger_than_is_read_is_refused() {
        let many = read::<Value>(&format!("[{}0]", "0,".repeat(10 * NODES)));
        assert_eq!(many.unwrap_err(), "a document of it has more than 4000000 values");
        let long = read::<Value>(&"x".repeat(TEXT + 1));
        assert_eq!(long.unwrap_err(), "a document of it has more than 67108864 bytes of text");
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read::<Value>(&nested(10 * DEPTH)).is_err());
        let mut bomb = "a0: &a0 [x]\n".to_owned();
        for n in 1..40 {
            bomb += &format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1);
        }
        assert!(read::<Value>(&bomb).is_err());
    }
}
