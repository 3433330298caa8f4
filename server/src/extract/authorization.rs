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
    /// Several tokens: nobody can say which was meant (RFC 9449 §7.1).
    Several,
}

impl<'a> Authorization<'a> {
    /// Reads the values of all `Authorization` fields. Schemes are compared without case (RFC 9110 §11.1). Several
    /// credentials in one field are not allowed; they are read all the same, as whoever is behind us may.
    pub(crate) fn read(values: impl IntoIterator<Item = &'a str>) -> Self {
        let all: Vec<_> = values.into_iter().flat_map(|value| value.split(',')).map(Self::read_one).collect();
        let tokens: Vec<_> = all.iter().filter(|one| **one != Self::None).collect();
        match (tokens.as_slice(), all.len()) {
            ([], _) => Self::None,
            ([one], 1) | ([one @ Self::Bearer(_)], _) => **one,
            ([_, ..], _) => Self::Several,
        }
    }

    fn read_one(value: &'a str) -> Self {
        let blank = [' ', '\t'];
        let Some((scheme, token)) = value.trim_matches(blank).split_once(blank) else { return Self::None };
        let token = token.trim_matches(blank);
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
        for value in ["DPoP t", "dpop t", "DPOP  t", "dPOP t ", "DPoP\tt"] {
            assert_eq!(Authorization::read([value]), Authorization::Dpop("t"), "{value:?}");
        }
        for values in
            [vec!["Bearer t"], vec!["bearer\tt"], vec!["Basic x", "Bearer t"], vec!["Basic x, Bearer t"]]
        {
            assert_eq!(Authorization::read(values.clone()), Authorization::Bearer("t"), "{values:?}");
        }
        for values in [vec![], vec!["Basic x"], vec!["DPoP"], vec![""]] {
            assert_eq!(Authorization::read(values.clone()), Authorization::None, "{values:?}");
        }
        for values in [
            ["Basic x", "DPoP t"],
            ["Basic x, DPoP t", ""],
            ["Bearer x", "DPoP t"],
            ["DPoP t", "DPoP t"],
            ["DPoP t, DPoP t", ""],
        ] {
            assert_eq!(Authorization::read(values), Authorization::Several, "{values:?}");
        }
    }
}
