//! What a request says in `Authorization`, as far as it concerns us.

/// A credential in `Authorization`. An app may use the field for itself; what is none of ours is none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authorization<'a> {
    /// Nothing of ours.
    None,
    /// An access token with the scheme of bound ones.
    Dpop(&'a str),
    /// A token with the scheme of those that anybody may use.
    Bearer(&'a str),
    /// Several credentials, one of them a bound token: nobody can say which was meant (RFC 9449 §7.1).
    Several,
}

impl<'a> Authorization<'a> {
    /// Reads the values of all `Authorization` fields. Schemes are compared without case (RFC 9110 §11.1).
    pub(crate) fn read(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut found = values.into_iter().map(Self::read_one);
        let (Some(first), rest) = (found.next(), found) else { return Self::None };
        let others: Vec<_> = rest.collect();
        if others.is_empty() {
            return first;
        }
        let all = std::iter::once(first).chain(others);
        if all.into_iter().any(|one| matches!(one, Self::Dpop(_))) { Self::Several } else { Self::None }
    }

    fn read_one(value: &'a str) -> Self {
        let Some((scheme, token)) = value.split_once(' ') else { return Self::None };
        let token = token.trim_matches(' ');
        if scheme.eq_ignore_ascii_case("dpop") {
            Self::Dpop(token)
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Self::Bearer(token)
        } else {
            Self::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_schemes_without_case_and_two_as_a_quarrel() {
        for value in ["DPoP t", "dpop t", "DPOP  t", "dPOP t "] {
            assert_eq!(Authorization::read([value]), Authorization::Dpop("t"), "{value:?}");
        }
        assert_eq!(Authorization::read(["Bearer t"]), Authorization::Bearer("t"));
        for values in [vec![], vec!["Basic x"], vec!["DPoP"], vec![""], vec!["Basic x", "Bearer t"]] {
            assert_eq!(Authorization::read(values.clone()), Authorization::None, "{values:?}");
        }
        assert_eq!(Authorization::read(["Basic x", "DPoP t"]), Authorization::Several);
        assert_eq!(Authorization::read(["DPoP t", "DPoP t"]), Authorization::Several);
    }
}
