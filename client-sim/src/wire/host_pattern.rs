//! Host patterns of scope rules and refresh initiators: `*`, an exact host, or `*.suffix`.

/// A parsed pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// Every host.
    Any,
    /// This host alone.
    Exact(String),
    /// Every host below this one; the host itself is not meant.
    Below(String),
}

impl HostPattern {
    /// Parses a pattern. A star anywhere but alone or as the first label is refused.
    pub fn parse(text: &str) -> Option<Self> {
        match (text, text.strip_prefix("*.")) {
            ("*", _) => Some(Self::Any),
            (_, Some(suffix)) if !suffix.is_empty() && !suffix.contains('*') => {
                Some(Self::Below(suffix.to_ascii_lowercase()))
            }
            (host, None) if !host.is_empty() && !host.contains('*') => {
                Some(Self::Exact(host.to_ascii_lowercase()))
            }
            _ => None,
        }
    }

    /// Whether a host is meant.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == host,
            Self::Below(suffix) => host.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.ends_with('.')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_and_no_other() {
        assert!(HostPattern::parse("*").unwrap().matches("a.example"));
        assert!(HostPattern::parse("a.example").unwrap().matches("a.example"));
        let below = HostPattern::parse("*.example").unwrap();
        assert!(below.matches("b.a.example") && !below.matches("example") && !below.matches("anexample"));
        for wrong in ["", "*ample", "a.*.com", "*."] {
            assert_eq!(HostPattern::parse(wrong), None, "{wrong}");
        }
    }
}
