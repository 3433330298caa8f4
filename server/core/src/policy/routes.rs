//! What an app demands of a request, by its method and path.

use std::{borrow::Cow, fmt, str::FromStr};

use super::{Ambiguous, NormalPath, PathPattern, Requirements};

/// A rule about some requests of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which paths it is about.
    pub path: PathPattern,
    /// Which methods it is about; all of them if there is none here.
    pub methods: Vec<MethodName>,
    /// Who may pass.
    pub access: Access,
    /// Words for the audit trail, and for whoever reads it.
    pub tags: Vec<Box<str>>,
}

/// Who may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody; who has a session is told to the app all the same.
    Public,
    /// Whoever has a session that meets this.
    Session(Demands),
}

/// What is demanded beyond a live session: by a route, by whoever asks, or by both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// Of the session.
    pub requirements: Requirements,
    /// The words that the scope of an OAuth client must hold, with a space between them. A browser has no scope, and
    /// needs none.
    pub scope: Option<Box<str>>,
}

impl Demands {
    /// Whether a live session is all that is demanded.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Both demands at once: the stricter of each.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let scope = match (&self.scope, &other.scope) {
            (Some(one), Some(two)) if one != two => Some(format!("{one} {two}").into()),
            (one, two) => one.clone().or_else(|| two.clone()),
        };
        Self { requirements: self.requirements.and(&other.requirements), scope }
    }
}

/// The routes of one app, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes(Vec<Route>);

impl Routes {
    /// Routes in their order.
    pub const fn new(routes: Vec<Route>) -> Self {
        Self(routes)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }

    /// The first route that is about this request. `None` if none is, and a live session is all that is demanded.
    ///
    /// # Errors
    /// [`Ambiguous`], if the app has routes and servers differ about what this request is: whatever a route says of it
    /// may then not be what it says of the request that the app sees.
    pub fn find(&self, method: &str, target: &str) -> Result<Option<&Route>, Ambiguous> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let request = RoutedRequest::read(method, target)?;
        Ok(self.0.iter().find(|route| route.is_about(&request).is_ok()))
    }
}

/// A request as routes see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutedRequest<'a> {
    method: &'a str,
    path: NormalPath,
}

impl<'a> RoutedRequest<'a> {
    /// Reads method and target.
    ///
    /// # Errors
    /// [`Ambiguous`], if servers differ about them.
    pub fn read(method: &'a str, target: &str) -> Result<Self, Ambiguous> {
        if !is_method(method) {
            return Err(Ambiguous::Method);
        }
        Ok(Self { method, path: NormalPath::read(target)? })
    }

    /// The path that patterns are compared with.
    pub const fn path(&self) -> &NormalPath {
        &self.path
    }
}

impl Route {
    /// Finds out whether this route is about a request.
    ///
    /// # Errors
    /// Why it is not.
    pub fn is_about(&self, request: &RoutedRequest<'_>) -> Result<(), Mismatch> {
        self.path.matches(&request.path).ok_or(Mismatch::Path)?;
        // Servers answer HEAD as they answer GET (RFC 9110 §9.3.2), so whoever names GET means both.
        let names =
            |name: &MethodName| &*name.0 == request.method || (&*name.0 == "GET" && request.method == "HEAD");
        if self.methods.is_empty() || self.methods.iter().any(names) { Ok(()) } else { Err(Mismatch::Method) }
    }

    /// What the route demands; nothing if it is public.
    pub fn demands(&self) -> Cow<'_, Demands> {
        match &self.access {
            Access::Public => Cow::Owned(Demands::default()),
            Access::Session(demands) => Cow::Borrowed(demands),
        }
    }
}

/// Why a route is not about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The path is another one.
    Path,
    /// The path fits, the method is another one.
    Method,
}

/// The name of a method, in capitals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodName(Box<str>);

impl MethodName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MethodName {
    type Err = MalformedMethod;

    fn from_str(text: &str) -> Result<Self, MalformedMethod> {
        if is_method(text) { Ok(Self(text.into())) } else { Err(MalformedMethod) }
    }
}

/// The text is no method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedMethod;

impl fmt::Display for MalformedMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a method is written in capitals, such as \"GET\"")
    }
}

impl std::error::Error for MalformedMethod {}

fn is_method(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=32).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Level;

    fn route(path: &str, methods: &[&str], access: Access) -> Route {
        Route {
            path: path.parse().unwrap(),
            methods: methods.iter().map(|method| method.parse().unwrap()).collect(),
            access,
            tags: Vec::new(),
        }
    }

    fn hardware() -> Access {
        let requirements = Requirements { binding: Some(Level::Hardware), ..Requirements::default() };
        Access::Session(Demands { requirements, scope: None })
    }

    #[test]
    fn the_first_that_fits_decides() {
        let routes = Routes::new(vec![
            route("/admin/health", &["GET"], Access::Public),
            route("/admin/", &[], hardware()),
            route("/", &["OPTIONS"], Access::Public),
        ]);
        let found = |method, target| {
            routes.find(method, target).map(|route| route.map(|route| route.path.as_str().to_owned()))
        };
        for (method, target, path) in [
            ("GET", "/admin/health", Some("/admin/health")),
            ("HEAD", "/admin/health", Some("/admin/health")),
            ("POST", "/admin/health", Some("/admin/")),
            ("GET", "/%61dmin/x", Some("/admin/")),
            ("GET", "/orders?next=/admin/health", None),
            ("OPTIONS", "/orders", Some("/")),
            ("OPTIONS", "/admin", Some("/admin/")),
            ("GET", "/orders", None),
        ] {
            assert_eq!(found(method, target), Ok(path.map(str::to_owned)), "{method} {target}");
        }
        assert_eq!(found("GET", "/admin/health%2f..%2fx"), Err(Ambiguous::EncodedDelimiter));
        assert_eq!(found("GET", "/admin/health/../x"), Err(Ambiguous::DotSegment));
        assert_eq!(found("GET", "//admin/health"), Err(Ambiguous::EmptySegment));
        assert_eq!(found("get", "/admin/health"), Err(Ambiguous::Method));
        assert_eq!(Routes::default().find("get", "/a%2fb"), Ok(None), "no routes, no difference");
    }

    #[test]
    fn the_stricter_of_two_demands_holds() {
        let demands = |binding, age, scope: Option<&str>| Demands {
            requirements: Requirements { binding, max_auth_age: age, max_proof_age: age },
            scope: scope.map(Box::from),
        };
        let (minute, hour) = (Some(Duration::from_secs(60)), Some(Duration::from_secs(3600)));
        let weak = demands(Some(Level::Software), hour, Some("read"));
        let strong = demands(Some(Level::Hardware), minute, Some("write"));
        let both = demands(Some(Level::Hardware), minute, Some("read write"));
        assert_eq!(weak.and(&strong), both);
        assert_eq!(strong.and(&weak).requirements, both.requirements);
        assert_eq!(weak.and(&Demands::default()), weak);
        assert_eq!(Demands::default().and(&weak), weak);
        assert!(Demands::default().is_empty() && !weak.is_empty());
    }
}
