//! Where the vector files are, and how they are read and kept up to date.

use std::{fs, path::PathBuf};

use serde::de::DeserializeOwned;

use crate::{
    dpop::ProofVector,
    model::{File, Vector},
    oauth::{GrantVector, TokenVector},
};

pub(crate) struct Files;

impl Files {
    pub(crate) fn root() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
    }

    pub(crate) fn read(name: &str) -> String {
        fs::read_to_string(Self::root().join(name)).expect("the vector file is there")
    }

    /// Every vector of DBSC that the core decides.
    pub(crate) fn dbsc() -> Vec<Vector> {
        Self::names("dbsc").iter().flat_map(|name| Self::vectors(name)).collect()
    }

    /// Every vector of a DPoP proof that the core decides.
    pub(crate) fn dpop() -> Vec<ProofVector> {
        let names = Self::names("dpop");
        names.iter().filter(|name| *name != "dpop/http.json").flat_map(|name| Self::vectors(name)).collect()
    }

    /// Every vector of a grant.
    pub(crate) fn grants() -> Vec<GrantVector> {
        ["oauth/codes.json", "oauth/refresh_tokens.json"].into_iter().flat_map(Self::vectors).collect()
    }

    /// Every vector of an access token.
    pub(crate) fn tokens() -> Vec<TokenVector> {
        Self::vectors("oauth/tokens.json")
    }

    /// The vectors of a file.
    pub(crate) fn vectors<V: DeserializeOwned>(name: &str) -> Vec<V> {
        let file: File<V> =
            serde_json::from_str(&Self::read(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        file.vectors
    }

    /// The files of a folder.
    pub(crate) fn names(folder: &str) -> Vec<String> {
        let name = |entry: fs::DirEntry| format!("{folder}/{}", entry.file_name().into_string().unwrap());
        let mut names: Vec<_> =
            fs::read_dir(Self::root().join(folder)).unwrap().map(|entry| name(entry.unwrap())).collect();
        names.sort();
        names
    }

    /// Writes a file if that was asked for, and otherwise checks that it would be written just so.
    pub(crate) fn write_or_compare(name: &str, text: &str) {
        let path = Self::root().join(name);
        if std::env::var_os("HOLDFAST_WRITE_VECTORS").is_some_and(|value| value == "1") {
            fs::write(path, text).unwrap();
        } else {
            let found = fs::read_to_string(path).unwrap_or_default();
            assert!(
                found == text,
                "{name} is not what the generator makes; write it with HOLDFAST_WRITE_VECTORS=1"
            );
        }
    }
}
