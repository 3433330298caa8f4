//! A request in the terms of Cedar.
//!
//! It is put together from values and not read from JSON: that costs a fifth, and a check waits for it.

use std::sync::LazyLock;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression as Expression,
};
use holdfast_core::risk::SignalName;

use crate::{Situation, Subject};

/// The names that policies have for whose request it is and what it is for, and what stands behind them.
pub(crate) struct Names {
    pub(crate) principal: EntityUid,
    pub(crate) action: EntityUid,
    pub(crate) resource: EntityUid,
    pub(crate) entities: Entities,
}

impl Names {
    pub(crate) fn of(subject: &Subject) -> Result<Self, String> {
        let kinds = KINDS.as_ref().map_err(Clone::clone)?;
        let principal = uid(&kinds.user, &subject.user);
        let app = uid(&kinds.app, &subject.app);
        let resource = uid(&kinds.route, &format!("{}:{}", subject.app, subject.route));
        let mut groups: Vec<_> = subject.groups.iter().map(|group| uid(&kinds.group, group)).collect();
        groups.sort();
        groups.dedup();
        let attributes = [
            ("app".to_owned(), text(&subject.app)),
            ("pattern".to_owned(), text(&subject.route)),
            ("tags".to_owned(), texts(&subject.tags)),
        ];
        let user = Entity::new_no_attrs(principal.clone(), groups.iter().cloned().collect());
        let route = Entity::new(resource.clone(), attributes.into(), [app.clone()].into())
            .map_err(|error| error.to_string())?;
        let bare = groups.into_iter().chain([app]).map(|uid| Entity::new_no_attrs(uid, [].into()));
        let entities =
            Entities::from_entities(bare.chain([user, route]), None).map_err(|error| error.to_string())?;
        Ok(Self { principal, action: uid(&kinds.action, method(&subject.method)), resource, entities })
    }
}

impl Situation {
    /// As the context of a request.
    pub(crate) fn context(&self) -> Result<Context, String> {
        let mut members = vec![
            ("binding", self.binding()?),
            ("proved_here", truth(self.proved_here)),
            ("session_age", number(self.session_age)),
            ("auth", self.auth()?),
            ("risk", number(self.risk)),
            ("signals", self.signals()?),
            ("unknown", texts(&self.unknown)),
            ("device", self.device()?),
            ("network", self.network()?),
        ];
        members.extend(self.proof_age.map(|age| ("proof_age", number(age))));
        Context::from_pairs(named(members)).map_err(|error| error.to_string())
    }

    fn binding(&self) -> Result<Expression, String> {
        let binding = &self.binding;
        record([
            ("method", text(&binding.method)),
            ("level", text(&binding.level)),
            ("bound", truth(binding.bound)),
            ("strength", number(binding.strength)),
        ])
    }

    fn auth(&self) -> Result<Expression, String> {
        let auth = &self.auth;
        let mut members = vec![
            ("age", number(auth.age)),
            ("amr", texts(&auth.amr)),
            ("several_factors", truth(auth.several_factors)),
            ("phishing_resistant", truth(auth.phishing_resistant)),
        ];
        members.extend(auth.acr.as_deref().map(|acr| ("acr", text(acr))));
        record(members)
    }

    fn signals(&self) -> Result<Expression, String> {
        let score = |name| self.signals.get(name).copied().unwrap_or(0);
        let names = SignalName::ALL.iter().map(|name| name.as_str());
        record(names.map(|name| (name, number(score(name)))))
    }

    fn device(&self) -> Result<Expression, String> {
        let device = &self.device;
        record([("posture", text(&device.posture)), ("managed", truth(device.managed))])
    }

    fn network(&self) -> Result<Expression, String> {
        let network = &self.network;
        let mut members = vec![
            ("location", text(&network.location)),
            ("usual", truth(network.usual)),
            ("anonymizer", truth(network.anonymizer)),
            ("hosting", truth(network.hosting)),
        ];
        members.extend(network.country.as_deref().map(|country| ("country", text(country))));
        members.extend(network.continent.as_deref().map(|continent| ("continent", text(continent))));
        members.extend(network.asn.map(|asn| ("asn", number(asn))));
        record(members)
    }
}

/// The method as policies know it.
pub(crate) fn method(method: &str) -> &str {
    if METHODS.contains(&method) { method } else { "OTHER" }
}

/// The types of entities. To read their names takes longer than to ask the policies.
struct Kinds {
    user: EntityTypeName,
    group: EntityTypeName,
    app: EntityTypeName,
    route: EntityTypeName,
    action: EntityTypeName,
}

static KINDS: LazyLock<Result<Kinds, String>> = LazyLock::new(|| {
    let kind = |name: &str| name.parse().map_err(|error| format!("{error}"));
    Ok(Kinds {
        user: kind("User")?,
        group: kind("Group")?,
        app: kind("App")?,
        route: kind("Route")?,
        action: kind("Action")?,
    })
});

fn uid(kind: &EntityTypeName, name: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(name))
}

fn record<'a>(members: impl IntoIterator<Item = (&'a str, Expression)>) -> Result<Expression, String> {
    Expression::new_record(named(members)).map_err(|error| error.to_string())
}

fn named<'a>(
    members: impl IntoIterator<Item = (&'a str, Expression)>,
) -> impl Iterator<Item = (String, Expression)> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value))
}

fn text(text: &str) -> Expression {
    Expression::new_string(text.to_owned())
}

fn texts(texts: &[Box<str>]) -> Expression {
    Expression::new_set(texts.iter().map(|one| text(one)))
}

fn truth(truth: bool) -> Expression {
    Expression::new_bool(truth)
}

/// Policies count to 2^63: what is more is as much to them.
fn number(number: impl Into<u64>) -> Expression {
    Expression::new_long(i64::try_from(number.into()).unwrap_or(i64::MAX))
}

const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

#[cfg(test)]
mod tests {
    use cedar_policy::{Request, Schema};

    use super::*;
    use crate::{Auth, Binding, Device, Network, SCHEMA};

    /// Requests are not compared with the schema one by one: they cannot be otherwise.
    #[test]
    fn every_request_is_as_the_schema_says() {
        let (schema, _warnings) = Schema::from_cedarschema_str(SCHEMA).unwrap();
        let subject = Subject {
            user: "ann\"\0".into(),
            groups: vec!["staff".into(), "staff".into()],
            app: "shop".into(),
            route: "/a".into(),
            tags: vec!["export".into()],
            method: "BREW".into(),
        };
        for which in 0_u8..64 {
            let is = |bit: u8| which >> bit & 1 == 1;
            let some = |bit, word: &str| is(bit).then(|| Box::from(word));
            let situation = Situation {
                binding: Binding::new("dbsc", holdfast_core::Level::Hardware),
                proof_age: is(0).then_some(u64::MAX),
                session_age: u64::MAX,
                auth: Auth { acr: some(1, "gold"), amr: vec!["otp".into()], ..Auth::default() },
                unknown: vec!["travel.impossible".into()],
                device: Device { posture: "compliant".into(), managed: true },
                network: Network {
                    country: some(2, "GB"),
                    continent: some(3, "EU"),
                    asn: is(4).then_some(u32::MAX),
                    ..Network::default()
                },
                ..Situation::default()
            };
            let situation = if is(5) { situation.with(SignalName::LoginWeak, 100) } else { situation };
            for subject in [&subject, &Subject::default()] {
                let Names { principal, action, resource, entities } = Names::of(subject).unwrap();
                let context = situation.context().unwrap();
                Request::new(principal, action, resource, context, Some(&schema)).unwrap();
                Entities::from_entities(entities.iter().cloned(), Some(&schema)).unwrap();
            }
        }
    }

    /// What `explain` tells and what policies see is the same.
    #[test]
    fn policies_see_what_is_told() {
        let auth = Auth { age: 7, acr: Some("gold".into()), amr: vec!["pwd".into()], ..Auth::default() };
        let network = Network { country: Some("GB".into()), asn: Some(7), usual: true, ..Network::default() };
        let whole = Situation { proof_age: Some(5), session_age: 9, auth, network, ..Situation::default() };
        for situation in [Situation::default(), whole.with(SignalName::NetworkChanged, 40)] {
            let told = Context::from_json_value(situation.value(), None).unwrap();
            let in_order = |context: Context| {
                let mut members: Vec<_> =
                    context.into_iter().map(|(name, value)| format!("{name} {value:?}")).collect();
                members.sort();
                members
            };
            assert_eq!(in_order(situation.context().unwrap()), in_order(told));
        }
    }
}
