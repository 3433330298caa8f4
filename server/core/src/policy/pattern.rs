//! What the path of a route looks like.

use std::{fmt, str::FromStr};

use super::NormalPath;

/// A set of paths, as a route names it. A slash at the end makes no difference, neither here nor in a request.
///
/// | written | matches |
/// |---|---|
/// | `/admin`, `/admin/` | `/admin` and everything below it, not `/administration` |
/// | `= /login` | `/login` alone |
/// | `/users/*/photo` | the whole path; `*` is any run of characters within one segment |
/// | `/files/**` | `**` is any number of segments, none among them |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: Box<str>,
    shape: Shape,
}

impl PathPattern {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path, if it is one of these.
    pub fn matches<'p>(&self, path: &'p NormalPath) -> Option<&'p NormalPath> {
        let presented: Vec<&str> = path.segments().collect();
        let fits = match &self.shape {
            Shape::Exact(segments) => begins_with(&presented, segments) && presented.len() == segments.len(),
            Shape::Prefix(segments) => begins_with(&presented, segments),
            Shape::Glob(parts) => fits_parts(parts, &presented),
        };
        fits.then_some(path)
    }
}

impl FromStr for PathPattern {
    type Err = MalformedPattern;

    fn from_str(text: &str) -> Result<Self, MalformedPattern> {
        let exact = text.strip_prefix("= ");
        let path = exact.unwrap_or(text);
        // A pattern is written as the path it is compared with: whatever normalising would change could never match.
        let normal = NormalPath::read(path).map_err(|_| MalformedPattern)?;
        if path.len() > MAX_BYTES || normal.as_str() != path {
            return Err(MalformedPattern);
        }
        let segments = || normal.segments().map(Box::from).collect::<Box<[Box<str>]>>();
        let is_glob = path.contains('*');
        let shape = match exact {
            Some(_) if is_glob => return Err(MalformedPattern),
            Some(_) => Shape::Exact(segments()),
            None if is_glob => Shape::Glob(normal.segments().map(Part::read).collect::<Result<_, _>>()?),
            None => Shape::Prefix(segments()),
        };
        Ok(Self { text: text.into(), shape })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The text is no pattern of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedPattern;

impl fmt::Display for MalformedPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a route's path begins with a slash and is written decoded, without \"//\", dot segments, query, \";\" and \"%\": \
             \"/admin/\" for it and what is below, \"= /login\" for it alone, or with \"*\" within a segment and \"**\" as one",
        )
    }
}

impl std::error::Error for MalformedPattern {}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    Exact(Box<[Box<str>]>),
    Prefix(Box<[Box<str>]>),
    Glob(Box<[Part]>),
}

/// A segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`
    AnySegments,
    /// What stands between the stars of one segment.
    Segment(Box<[Box<str>]>),
}

impl Part {
    fn read(segment: &str) -> Result<Self, MalformedPattern> {
        match segment {
            "**" => Ok(Self::AnySegments),
            _ if segment.contains("**") => Err(MalformedPattern),
            _ => Ok(Self::Segment(segment.split('*').map(Box::from).collect())),
        }
    }

    fn fits(&self, segment: &str) -> bool {
        match self {
            Self::AnySegments => true,
            Self::Segment(literals) => fits_literals(literals, segment),
        }
    }
}

fn begins_with(presented: &[&str], segments: &[Box<str>]) -> bool {
    presented.len() >= segments.len() && presented.iter().zip(segments).all(|(one, two)| **one == **two)
}

/// Matches segments against parts. Only the last `**` is ever taken back, so the work is at most the product of both
/// lengths.
fn fits_parts(parts: &[Part], segments: &[&str]) -> bool {
    let (mut part, mut segment) = (0, 0);
    let mut last_any: Option<(usize, usize)> = None;
    while let Some(presented) = segments.get(segment) {
        match parts.get(part) {
            Some(Part::AnySegments) => {
                last_any = Some((part, segment));
                part += 1;
            }
            Some(demanded) if demanded.fits(presented) => {
                part += 1;
                segment += 1;
            }
            Some(_) | None => {
                let Some((any, from)) = last_any else { return false };
                last_any = Some((any, from + 1));
                part = any + 1;
                segment = from + 1;
            }
        }
    }
    parts.get(part..).unwrap_or_default().iter().all(|rest| *rest == Part::AnySegments)
}

/// Matches a segment against the literals between its stars: the first at its beginning, the last at its end, those
/// between wherever they come first.
fn fits_literals(literals: &[Box<str>], segment: &str) -> bool {
    match literals {
        [] => segment.is_empty(),
        [only] => **only == *segment,
        [first, between @ .., last] => {
            let Some(mut rest) = segment.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last))
            else {
                return false;
            };
            for literal in between {
                let Some((_, after)) = rest.split_once(&**literal) else { return false };
                rest = after;
            }
            true
        }
    }
}

const MAX_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, path: &str) -> bool {
        let pattern: PathPattern = pattern.parse().unwrap_or_else(|_| panic!("{pattern}"));
        pattern.matches(&NormalPath::read(path).unwrap()).is_some()
    }

    #[test]
    fn patterns_match_what_they_say() {
        for (pattern, yes, no) in [
            ("/", &["/", "/a", "/a/b/"][..], &[][..]),
            (
                "/admin",
                &["/admin", "/admin/", "/admin/x", "/%61dmin/x"],
                &["/", "/administration", "/Admin", "/x/admin"],
            ),
            ("/admin/", &["/admin", "/admin/", "/admin/x"], &["/", "/administration", "/admin.html"]),
            ("= /", &["/", "/?x"], &["/a", "/index.html"]),
            ("= /login", &["/login", "/login/", "/login?x=1"], &["/login/x", "/logins", "/"]),
            ("/*", &["/a", "/a/"], &["/", "/a/b"]),
            ("/*.css", &["/a.css", "/.css", "/a.b.css"], &["/a.css/x", "/a.CSS", "/x/a.css", "/acss"]),
            ("/a*b*c", &["/abc", "/axxbyyc", "/abbc"], &["/ab", "/ac", "/acb", "/a/b/c"]),
            ("/a*a", &["/aa", "/aba"], &["/a"]),
            ("/u/*/p", &["/u/1/p", "/u/1/p/"], &["/u/p", "/u/1/2/p", "/u/1/p/x"]),
            ("/**", &["/", "/a", "/a/b"], &[]),
            ("/f/**", &["/f", "/f/", "/f/a/b"], &["/", "/g", "/fx"]),
            ("/**/x", &["/x", "/a/x", "/a/x/x"], &["/", "/a", "/x/a"]),
            ("/a/**/b/**/c", &["/a/b/c", "/a/1/b/2/3/c", "/a/b/b/c/c"], &["/a/c", "/a/b", "/a/b/c/d"]),
        ] {
            for path in yes {
                assert!(fits(pattern, path), "{pattern} {path}");
            }
            for path in no {
                assert!(!fits(pattern, path), "{pattern} {path}");
            }
        }
    }

    #[test]
    fn stars_cost_no_exponential_work() {
        let pattern = format!("/{}", vec!["**/a*a*a*a*b"; 40].join("/"));
        let path = format!("/{}", vec!["a".repeat(200); 200].join("/"));
        assert!(!fits(&pattern, &path));
    }

    #[test]
    fn patterns_that_could_never_match_are_refused() {
        for text in [
            "",
            "admin",
            "=/login",
            "= ",
            "= login",
            "= /a*",
            "/a//b",
            "/a/./b",
            "/a/../b",
            "/..",
            "/a%20b",
            "/a?x",
            "/a#x",
            "/a;x",
            "/a\\b",
            "/a**b",
            "/***",
            "/a\u{0}",
            " /a",
            "https://shop.example/a",
        ] {
            assert_eq!(text.parse::<PathPattern>(), Err(MalformedPattern), "{text:?}");
        }
        assert!("/s\u{f8}k/a b/*".parse::<PathPattern>().is_ok());
    }
}
