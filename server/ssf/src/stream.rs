//! What a receiver wants of a stream (SSF 1.0 §8.1.1).

use serde::Deserialize;

use crate::EventType;

/// What a receiver may ask of a stream. Members that only the transmitter decides are read, so that a receiver may send
/// back what it got, and are compared by whoever knows them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct StreamRequest {
    /// Which stream, where there is one already.
    pub stream_id: Option<String>,
    /// How tokens get to the receiver.
    pub delivery: Option<DeliveryRequest>,
    /// The types that it wants.
    pub events_requested: Option<Vec<String>>,
    /// What it calls the stream.
    pub description: Option<String>,
}

/// How a receiver wants tokens.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DeliveryRequest {
    /// A URN: [`PUSH`] or [`POLL`].
    pub method: String,
    /// Where tokens are pushed to. For polling the transmitter says where.
    pub endpoint_url: Option<String>,
    /// What is sent as `Authorization` with each push.
    pub authorization_header: Option<String>,
}

/// Tokens are posted to the receiver (RFC 8935).
pub const PUSH: &str = "urn:ietf:rfc:8935";

/// The receiver fetches tokens (RFC 8936).
pub const POLL: &str = "urn:ietf:rfc:8936";

/// What this transmitter can tell.
pub const SUPPORTED: [EventType; 5] = [
    EventType::AssuranceLevelChange,
    EventType::RiskLevelChange,
    EventType::SessionEstablished,
    EventType::SessionPresented,
    EventType::SessionRevoked,
];

/// What of the types asked for can be told (`events_delivered`). Types that are not known are passed over, as SSF wants it.
pub fn delivered(requested: &[String]) -> Vec<EventType> {
    SUPPORTED.into_iter().filter(|kind| requested.iter().any(|uri| uri == kind.uri())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_supported_is_delivered_and_once() {
        let revoked = EventType::SessionRevoked.uri().to_owned();
        let asked = [
            revoked.clone(),
            "https://x.example/unknown".into(),
            revoked,
            EventType::AccountDisabled.uri().into(),
        ];
        assert_eq!(delivered(&asked), [EventType::SessionRevoked]);
        assert_eq!(delivered(&[]), []);
    }

    #[test]
    fn a_request_may_hold_what_it_was_given() {
        let text = r#"{"stream_id":"s","iss":"https://x","aud":["a"],"delivery":{"method":"urn:ietf:rfc:8936","endpoint_url":"https://x/p"},"events_supported":[],"events_requested":["a"]}"#;
        let request: StreamRequest = serde_json::from_str(text).unwrap();
        assert_eq!(request.stream_id.as_deref(), Some("s"));
        assert_eq!(request.delivery.unwrap().method, POLL);
        for bad in [r#"{"events_requested":"a"}"#, r#"{"delivery":"push"}"#, r#"{"stream_id":1}"#] {
            assert!(serde_json::from_str::<StreamRequest>(bad).is_err(), "{bad}");
        }
    }
}
