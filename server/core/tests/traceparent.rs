//! `traceparent` against its vectors.

use holdfast_core::trace::TraceParent;
use serde::Deserialize;

/// A value, and what is read out of it; nothing if it is to be ignored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    value: String,
    trace_id: Option<String>,
    parent_id: Option<String>,
    sampled: Option<bool>,
}

#[test]
fn values_are_read_as_the_vectors_say() {
    let text = include_str!("../../../tests/vectors/traceparent.json");
    let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
    let (mut taken, mut ignored) = (0, 0);
    for vector in vectors {
        let read = TraceParent::parse(&vector.value);
        match &read {
            Some(_) => taken += 1,
            None => ignored += 1,
        }
        let told = (
            read.map(|parent| parent.trace_id.to_string()),
            read.map(|parent| parent.parent_id.to_string()),
            read.map(|parent| parent.sampled),
        );
        assert_eq!(told, (vector.trace_id, vector.parent_id, vector.sampled), "{}", vector.name);
    }
    assert!(taken >= 5 && ignored > 3 * taken, "{taken} taken, {ignored} ignored");
}

#[test]
fn what_is_written_is_read_back() {
    let text = "00-0af7651916cd43dd8448eb211c80319c-00ad6b7169203331-01";
    assert_eq!(TraceParent::parse(text).unwrap().to_string(), text);
}
