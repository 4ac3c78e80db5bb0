//! YAML as Kubernetes' tools write it: read within bounds, and written with a note behind each value.

mod write;

use serde::de::DeserializeOwned;

pub use write::{YamlStep, write};

/// Values in one document: more than five thousand objects of a usual size.
const NODES: usize = 4_000_000;
/// Lists and objects inside each other: more than the apiserver's own types have.
const DEPTH: usize = 100;

/// Reads one document, which may be JSON. A member that stands twice in one object is refused.
///
/// # Errors
/// What is wrong with it, as a sentence; also where it is larger than is read.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let budget =
        serde_saphyr::budget! { max_nodes: NODES, max_events: 3 * NODES, max_depth: DEPTH };
    let options = serde_saphyr::options! { budget: budget };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
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
        assert!(read::<Value>(&format!("[{}0]", "0,".repeat(10 * NODES))).is_err());
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read::<Value>(&nested(10 * DEPTH)).is_err());
        let mut bomb = "a0: &a0 [x]\n".to_owned();
        for n in 1..40 {
            bomb += &format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1);
        }
        assert!(read::<Value>(&bomb).is_err());
    }
}
