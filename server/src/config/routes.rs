//! The table `[[routes]]`.

use holdfast_core::policy::{Access, Demands, MethodName, PathPattern, Requirements, Route};

use super::{AppConfig, is_scope_token, reader::Reader};

/// A route, and whose it is.
#[derive(Clone, Debug)]
pub struct RouteConfig {
    /// The name of its app.
    pub app: String,
    /// What it says.
    pub route: Route,
}

/// A route as it was written, whose app may not be named.
pub(super) struct WrittenRoute {
    app: Option<String>,
    route: Route,
}

pub(super) fn read_route(mut section: Reader<'_>) -> Option<WrittenRoute> {
    let app = section.take("app");
    let path: Option<PathPattern> = section.require("path", "\"/admin/\"");
    let methods: Vec<MethodName> = section.take_or("methods", Vec::new());
    let is_public = section.take_or("public", false);
    let demands = section.optional_section("require").map(read_demands);
    let tags: Vec<String> = section.take_or("tags", Vec::new());
    if tags.len() > MOST_TAGS || !tags.iter().all(|tag| is_tag(tag)) {
        section.problem("tags", "at most 16 words of 1 to 64 letters, digits, \"-\", \"_\", \".\" or \":\"");
    }
    if is_public && demands.is_some() {
        section.problem(
            "public",
            "a route is public or has require; who may pass without a session meets nothing",
        );
    }
    section.finish();
    let access = if is_public { Access::Public } else { Access::Session(demands.unwrap_or_default()) };
    let tags = tags.into_iter().map(String::into_boxed_str).collect();
    Some(WrittenRoute { app, route: Route { path: path?, methods, access, tags } })
}

/// Finds each route's app. Without `apps`, some of which could not be read, nothing can be said about them.
pub(super) fn place_routes(
    root: &mut Reader<'_>,
    written: Vec<WrittenRoute>,
    apps: Option<&[AppConfig]>,
) -> Vec<RouteConfig> {
    let Some(apps) = apps else { return Vec::new() };
    let mut routes = Vec::with_capacity(written.len());
    for WrittenRoute { app, route } in written {
        let path = route.path.as_str();
        let app = match (app, apps) {
            (Some(name), _) if apps.iter().any(|app| app.name == name) => name,
            (Some(name), _) => {
                root.problem("routes", format!("{path:?} names the app {name:?}, which is not configured"));
                continue;
            }
            (None, [only]) => only.name.clone(),
            (None, _) => {
                root.problem(
                    "routes",
                    format!("{path:?} must name its app, as there are several: app = \"…\""),
                );
                continue;
            }
        };
        routes.push(RouteConfig { app, route });
    }
    routes
}

fn read_demands(mut section: Reader<'_>) -> Demands {
    let requirements = Requirements {
        binding: section.take("binding"),
        max_auth_age: section.take("max_auth_age"),
        max_proof_age: section.take("max_proof_age"),
    };
    let scope: Option<String> = section.take("scope");
    if scope.as_deref().is_some_and(|scope| !scope.split(' ').all(is_scope_token)) {
        section.problem("scope", "words with one space between them, such as \"read write\"");
    }
    section.finish();
    Demands { requirements, scope: scope.map(String::into_boxed_str) }
}

fn is_tag(tag: &str) -> bool {
    (1..=64).contains(&tag.len())
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
}

const MOST_TAGS: usize = 16;
