//! Where the vector files are, and how they are read and kept up to date.

use std::{fs, path::PathBuf};

use crate::model::{File, Vector};

pub(crate) struct Files;

impl Files {
    pub(crate) fn root() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
    }

    pub(crate) fn read(name: &str) -> String {
        fs::read_to_string(Self::root().join(name)).expect("the vector file is there")
    }

    /// Every vector that the core decides.
    pub(crate) fn dbsc() -> Vec<Vector> {
        let mut paths: Vec<_> =
            fs::read_dir(Self::root().join("dbsc")).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
            .iter()
            .flat_map(|path| {
                let text = fs::read_to_string(path).unwrap();
                serde_json::from_str::<File<Vector>>(&text)
                    .expect("a vector file has the right shape")
                    .vectors
            })
            .collect()
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
