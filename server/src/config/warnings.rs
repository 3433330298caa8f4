//! What a configuration allows, and nobody can have meant.

use holdfast_core::policy::{Access, MethodName, PathPattern, Route};
use holdfast_policy::{Effect, Policies};

use super::{Config, RouteConfig, StoreConfig};
use crate::token::TokenHash;

impl Config {
    /// What an operator should mend, though a server starts with it: a sentence each, with the key it is about. `policies` are
    /// those of this configuration.
    pub(crate) fn warnings(&self, policies: &Policies) -> Vec<String> {
        let mut warnings = Vec::new();
        let example = TokenHash::of_example();
        let apps = self.apps.iter().enumerate().map(|(index, app)| (format!("apps.{index}"), &app.token));
        for (key, _) in apps.filter(|(_, token)| **token == example) {
            warnings
                .push(format!("{key}.token_sha256: this is the example's: no app can log in; {RIGHT_HASH}"));
        }
        if self.operators.as_ref() == Some(&example) {
            warnings.push(format!(
                "operators.token_sha256: this is the example's: no operator can log in; {RIGHT_HASH}"
            ));
        }
        if self.lifetimes.justification.is_some()
            && self.lifetimes.profile.is_some()
            && self.lifetimes.deviations.is_empty()
        {
            warnings.push(
                "session.justification: nothing deviates from the profile any more; take it out".to_owned(),
            );
        }
        warnings.extend(unreachable_routes(&self.routes));
        warnings.extend(self.step_up_without_a_page(policies));
        if self.store == StoreConfig::Memory && !self.audit.sinks.is_empty() {
            warnings.push(
                "audit.sinks: with store.kind = \"memory\" nobody remembers how far they were told; after a restart they begin \
                 as start says"
                    .to_owned(),
            );
        }
        warnings
    }

    /// Apps whose users are asked to authenticate again, and find no page for it.
    fn step_up_without_a_page(&self, policies: &Policies) -> impl Iterator<Item = String> {
        let soft_lock = self.session.soft_lock.then(|| "session.soft_lock".to_owned());
        let of_policies = asking(policies);
        self.apps.iter().enumerate().filter(|(_, app)| app.step_up_url.is_none()).filter_map(
            move |(index, app)| {
                let routes = self.routes.iter().enumerate().filter(|(_, of)| of.app == app.name);
                let of_routes = routes.filter_map(|(index, of)| match &of.route.access {
                    Access::Session(demands) => {
                        demands.requirements.max_auth_age.map(|_| format!("routes.{index}.require.max_auth_age"))
                    }
                    Access::Public => None,
                });
                let why: Vec<_> =
                    soft_lock.iter().cloned().chain(of_routes).chain(of_policies.clone()).collect();
                (!why.is_empty()).then(|| {
                    format!(
                        "apps.{index}.step_up_url: this is missing, and users of {:?} may have to authenticate again ({}): a \
                         browser gets 401 then, with no page to go to; write for example step_up_url = \"/login?again\"",
                        app.name,
                        why.join("; ")
                    )
                })
            },
        )
    }
}

/// The policies that may have a user authenticate again, in words; none if there are none. One that wants a proof of the
/// device does so where there is no device.
fn asking(policies: &Policies) -> Option<String> {
    let asks = |effect| matches!(effect, Effect::StepUp | Effect::Reprove);
    let rules = policies.rules().filter(|rule| asks(rule.mode.allows(rule.effect)));
    let names: Vec<_> = rules.map(|rule| &*rule.id).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("the policy {one:?}")),
        [one, others @ ..] => Some(format!("the policy {one:?} and {} more", others.len())),
    }
}

/// Routes that can never match. Only the plain case is looked for: that one route before takes all that this one takes.
fn unreachable_routes(routes: &[RouteConfig]) -> impl Iterator<Item = String> {
    routes.iter().enumerate().filter_map(|(index, later)| {
        let takes_all =
            |earlier: &RouteConfig| earlier.app == later.app && takes_all(&earlier.route, &later.route);
        let earlier = routes.iter().take(index).position(takes_all)?;
        Some(format!("routes.{index} can never match, routes.{earlier} is before it"))
    })
}

/// Whether each request that `later` is about is one that `earlier` is about.
fn takes_all(earlier: &Route, later: &Route) -> bool {
    let named = |method: &MethodName| {
        // Whoever names GET means HEAD as well.
        let also = if method.as_str() == "HEAD" { "GET" } else { method.as_str() };
        earlier.methods.iter().any(|name| name == method || name.as_str() == also)
    };
    let methods =
        earlier.methods.is_empty() || (!later.methods.is_empty() && later.methods.iter().all(named));
    methods && takes_all_paths(&earlier.path, &later.path)
}

fn takes_all_paths(earlier: &PathPattern, later: &PathPattern) -> bool {
    // A slash at the end makes no difference.
    let (earlier, later) = (earlier.as_str().trim_end_matches('/'), later.as_str().trim_end_matches('/'));
    if earlier == later {
        return true;
    }
    let is_prefix = !earlier.starts_with("= ") && !earlier.contains('*');
    let later = later.strip_prefix("= ").unwrap_or(later);
    // The segments that a prefix names are the first ones of the other, which have no star in them either.
    is_prefix && later.strip_prefix(earlier).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

const RIGHT_HASH: &str = "write the line that `holdfast new-token` prints";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::smallest;

    fn warnings(hash: &str, routes: &str) -> Vec<String> {
        let another = "2".repeat(64);
        let more = format!(
            r#"
[[apps]]
name = "blog"
origin = "https://blog.example"
token_sha256 = "{another}"
[store]
kind = "memory"
{routes}
"#
        );
        warnings_of(&smallest(hash, &more))
    }

    fn warnings_of(text: &str) -> Vec<String> {
        let config = Config::parse(text, "holdfast.toml", Path::new(""), []).unwrap();
        config.warnings(&config.policy.read().unwrap())
    }

    fn routes(written: &[(&str, &str)]) -> Vec<String> {
        let tables = written.iter().map(|(path, methods)| {
            format!("[[routes]]\napp = \"shop\"\npath = \"{path}\"\nmethods = [{methods}]\n")
        });
        warnings(&"1".repeat(64), &tables.collect::<String>())
    }

    #[test]
    fn a_route_behind_one_that_takes_everything_is_told() {
        let told = vec!["routes.1 can never match, routes.0 is before it".to_owned()];
        for (earlier, later) in [
            (("/admin/", ""), ("/admin/", "")),
            (("/admin", ""), ("/admin/", "")),
            (("/admin/", ""), ("/admin/users", "\"GET\"")),
            (("/admin/", ""), ("= /admin", "")),
            (("/", ""), ("/files/**", "")),
            (("/files", ""), ("/files/*/x", "")),
            (("= /login", ""), ("= /login", "")),
            (("/a", "\"GET\", \"POST\""), ("/a/b", "\"POST\"")),
            (("/a", "\"GET\""), ("/a", "\"HEAD\"")),
        ] {
            assert_eq!(routes(&[earlier, later]), told, "{earlier:?} {later:?}");
        }
    }

    #[test]
    fn a_route_that_can_match_is_not_told() {
        for (earlier, later) in [
            (("/admin/users", ""), ("/admin/", "")),
            (("/admin", ""), ("/administration", "")),
            (("= /admin", ""), ("/admin", "")),
            (("= /", ""), ("/", "")),
            (("/a", "\"GET\""), ("/a", "")),
            (("/a", "\"GET\""), ("/a", "\"GET\", \"POST\"")),
            (("/a", "\"HEAD\""), ("/a", "\"GET\"")),
            (("/users/*/photo", ""), ("/users/me/photo", "")),
        ] {
            assert_eq!(routes(&[earlier, later]), Vec::<String>::new(), "{earlier:?} {later:?}");
        }
        let of_two_apps =
            "[[routes]]\napp = \"blog\"\npath = \"/\"\n[[routes]]\napp = \"shop\"\npath = \"/\"\n";
        assert_eq!(warnings(&"1".repeat(64), of_two_apps), Vec::<String>::new());
    }

    #[test]
    fn a_login_that_is_demanded_has_a_page() {
        let page = "step_up_url = \"/again\"\n";
        let with = |app: &str, more: &str| {
            warnings_of(&smallest(&"1".repeat(64), &format!("{app}[store]\nkind = \"memory\"\n{more}")))
        };
        for (more, why) in [
            ("[session]\nsoft_lock = true\n", "(session.soft_lock)"),
            ("[session]\nprofile = \"nist-aal2\"\n", "(session.soft_lock)"),
            ("[policy]\nmode = \"additive\"\n", "(the policy \"bound-elsewhere\" and "),
            ("[policy]\nenforce = [\"export-burst\"]\n", "(the policy \"export-burst\")"),
            (
                "[session]\nsoft_lock = true\n[policy]\nenforce = [\"export-burst\"]\n[[routes]]\npath = \"/\"\nrequire = { max_auth_age = \"5m\" }\n",
                "(session.soft_lock; routes.0.require.max_auth_age; the policy \"export-burst\")",
            ),
        ] {
            let told = with("", more);
            assert_eq!(told.len(), 1, "{more}: {told:?}");
            assert!(told[0].starts_with("apps.0.step_up_url: this is missing"), "{told:?}");
            assert!(told[0].contains(why), "{why}: {told:?}");
            assert_eq!(with(page, more), Vec::<String>::new());
        }
        assert_eq!(with("", ""), Vec::<String>::new(), "policies that only observe send nobody anywhere");
        assert_eq!(with("", "[policy]\nenforce = [\"noteworthy\"]\n"), Vec::<String>::new());
    }

    #[test]
    fn the_hash_of_the_examples_is_told() {
        let zeros = "0".repeat(64);
        let operators = format!("[operators]\ntoken_sha256 = \"{}\"\n", "3".repeat(64));
        let told = warnings(&zeros, &operators);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("apps.0.token_sha256: this is the example's: no app can log in"),
            "{told:?}"
        );
        let told = warnings(&"1".repeat(64), &format!("[operators]\ntoken_sha256 = \"{zeros}\"\n"));
        assert!(told[0].starts_with("operators.token_sha256: this is the example's"), "{told:?}");
    }
}
