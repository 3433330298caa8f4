//! Whom a subject of somebody else's names here.

use holdfast_core::{SessionId, session::DeviceId};
use holdfast_ssf::{Identifier, Subject};

use crate::{
    config::{ReceiverConfig, SubjectFormat},
    sessions::is_user,
};

/// Whom an event is about, in our words. What is there narrows it: an event about a user and a session is about that
/// session, if it is the user's and one of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// The names that the user may have here; several if the subject has aliases.
    pub(super) users: Vec<Box<str>>,
    pub(super) session: Option<SessionId>,
    pub(super) device: Option<DeviceId>,
}

/// Finds out. `None` if any part of the subject names nobody here: with less of it more would be meant than was said.
pub(super) fn target_of(subject: &Subject, config: &ReceiverConfig) -> Option<Target> {
    match subject {
        Subject::Simple(Identifier::Opaque(id)) if takes(config, SubjectFormat::Opaque) => {
            let session = id.parse().ok();
            let users = if session.is_none() {
                users_of(&Identifier::Opaque(id.clone()), config)?
            } else {
                Vec::new()
            };
            Some(Target { users, session, device: None })
        }
        Subject::Simple(identifier) => {
            Some(Target { users: users_of(identifier, config)?, ..Target::default() })
        }
        Subject::Complex { user, session, device } => {
            let users = user.as_ref().map(|user| users_of(user, config));
            let device = device.as_ref().map(|device| opaque(device)?.parse().ok());
            let target = Target {
                users: users.unwrap_or(Some(Vec::new()))?,
                // A text that is none of our ids is the transmitter's own name for a session of its own. Which of ours came
                // of it nobody here knows, so all of the user's are meant.
                session: session.as_ref().and_then(|session| opaque(session)?.parse().ok()),
                device: inner(device)?,
            };
            (target != Target::default()).then_some(target)
        }
    }
}

/// The device that an event about a device names.
pub(super) fn device_of(subject: &Subject) -> Option<DeviceId> {
    let named = match subject {
        Subject::Complex { device, .. } => device.as_ref()?,
        Subject::Simple(identifier) => identifier,
    };
    opaque(named)?.parse().ok()
}

/// What is absent may be absent; what is there must be understood.
#[expect(clippy::option_option, reason = "outside: whether it is understood; inside: whether it is there")]
fn inner<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    match part {
        None => Some(None),
        Some(understood) => understood.map(Some),
    }
}

fn opaque(identifier: &Identifier) -> Option<&str> {
    match identifier {
        Identifier::Opaque(id) => Some(id),
        Identifier::Account(_)
        | Identifier::Aliases(_)
        | Identifier::Email(_)
        | Identifier::IssSub { .. }
        | Identifier::Other(_) => None,
    }
}

fn users_of(identifier: &Identifier, config: &ReceiverConfig) -> Option<Vec<Box<str>>> {
    let (format, name) = match identifier {
        Identifier::Aliases(names) => {
            let users: Vec<_> = names.iter().filter_map(|name| users_of(name, config)).flatten().collect();
            return (!users.is_empty()).then_some(users);
        }
        Identifier::Account(name) => (SubjectFormat::Account, name),
        Identifier::Email(name) => (SubjectFormat::Email, name),
        Identifier::IssSub { iss, sub } if knows_issuer(config, iss) => (SubjectFormat::IssSub, sub),
        Identifier::Opaque(name) => (SubjectFormat::Opaque, name),
        Identifier::IssSub { .. } | Identifier::Other(_) => return None,
    };
    (takes(config, format) && is_user(name)).then(|| vec![name.as_str().into()])
}

fn takes(config: &ReceiverConfig, format: SubjectFormat) -> bool {
    config.subject_formats.contains(&format)
}

/// Another issuer's `sub` may be anybody's here.
fn knows_issuer(config: &ReceiverConfig, issuer: &str) -> bool {
    if config.subject_issuers.is_empty() {
        config.issuer.issuer == issuer
    } else {
        config.subject_issuers.iter().any(|known| known == issuer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        TokenHash,
        config::{CredentialAction, IssuerConfig, KeySource, ReceiverDelivery},
    };

    fn config(formats: &[SubjectFormat], issuers: &[&str]) -> ReceiverConfig {
        ReceiverConfig {
            name: "idp".into(),
            issuer: IssuerConfig {
                issuer: "https://id.example".into(),
                audiences: Vec::new(),
                apps: Vec::new(),
                algorithms: Vec::new(),
                source: KeySource::File("x".into()),
            },
            delivery: ReceiverDelivery::Push { token: TokenHash::of("x") },
            subject_formats: formats.to_vec(),
            subject_issuers: issuers.iter().map(|issuer| (*issuer).to_owned()).collect(),
            credential_change: CredentialAction::StepUp,
            tolerance: Duration::ZERO,
            max_age: Duration::ZERO,
        }
    }

    fn every() -> ReceiverConfig {
        config(
            &[SubjectFormat::Account, SubjectFormat::Email, SubjectFormat::IssSub, SubjectFormat::Opaque],
            &[],
        )
    }

    fn iss_sub(iss: &str) -> Identifier {
        Identifier::IssSub { iss: iss.into(), sub: "alice".into() }
    }

    fn users(subject: Identifier, config: &ReceiverConfig) -> Option<Vec<Box<str>>> {
        target_of(&Subject::Simple(subject), config).map(|target| target.users)
    }

    #[test]
    fn simple_subjects_name_users() {
        let alice = Some(vec!["alice".into()]);
        for identifier in [
            Identifier::Email("alice".into()),
            Identifier::Account("alice".into()),
            Identifier::Opaque("alice".into()),
            iss_sub("https://id.example"),
            Identifier::Aliases(vec![Identifier::Other("did".into()), Identifier::Email("alice".into())]),
        ] {
            assert_eq!(users(identifier.clone(), &every()), alice, "{identifier:?}");
        }
        assert_eq!(
            users(iss_sub("https://b.example"), &config(&[SubjectFormat::IssSub], &["https://b.example"])),
            alice
        );
    }

    #[test]
    fn what_names_nobody_here_is_nobody() {
        for identifier in [
            iss_sub("https://other.example"),
            Identifier::Other("did".into()),
            Identifier::Email(" alice".into()),
            Identifier::Email("x".repeat(300)),
            Identifier::Aliases(vec![Identifier::Other("did".into())]),
        ] {
            assert_eq!(users(identifier.clone(), &every()), None, "{identifier:?}");
        }
        let only_email = config(&[SubjectFormat::Email], &[]);
        assert_eq!(users(Identifier::Opaque("alice".into()), &only_email), None);
        assert_eq!(
            users(iss_sub("https://id.example"), &config(&[SubjectFormat::IssSub], &["https://b.example"])),
            None
        );
    }

    #[test]
    fn parts_narrow_and_none_may_be_misunderstood() {
        let id = SessionId::from_bytes([7; 16]);
        let opaque = |text: &str| Some(Identifier::Opaque(text.into()));
        let session = target_of(&Subject::Simple(Identifier::Opaque(id.to_string())), &every()).unwrap();
        assert_eq!((session.session, session.users.len()), (Some(id), 0));
        let complex =
            Subject::Complex { user: opaque("alice"), session: opaque(&id.to_string()), device: opaque("d") };
        let target = target_of(&complex, &every()).unwrap();
        assert_eq!((target.users.len(), target.session, target.device), (1, Some(id), "d".parse().ok()));
        let foreign =
            Subject::Complex { user: opaque("alice"), session: opaque("of another server"), device: None };
        let target = target_of(&foreign, &every()).unwrap();
        assert_eq!((target.users.len(), target.session), (1, None), "which of ours nobody knows");
        for (user, session, device) in [
            (None, None, None),
            (None, opaque("of another server"), None),
            (Some(iss_sub("https://other.example")), opaque(&id.to_string()), None),
            (opaque("alice"), None, opaque("not a device")),
            (opaque("alice"), None, Some(iss_sub("https://id.example"))),
        ] {
            let subject = Subject::Complex { user, session, device };
            assert_eq!(target_of(&subject, &every()), None, "{subject:?}");
        }
    }
}
