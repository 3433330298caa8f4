//! The libraries are thin: somebody reads one in ten minutes before trusting it.

use std::path::Path;

use anyhow::Result;

#[test]
fn each_part_of_a_library_is_below_a_hundred_lines() -> Result<()> {
    for file in [
        "clients/node/holdfast.js",
        "clients/python/holdfast.py",
        "client/src/api.rs",
        "client/src/assertion.rs",
        "client/src/keys.rs",
        "client/src/layer.rs",
    ] {
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../server").join(file))?;
        let lines = code(&text).count();
        assert!((20..100).contains(&lines), "{file} has {lines} lines of code");
    }
    Ok(())
}

/// Lines that are neither empty nor comments. Docstrings of Python that begin a line count as comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let mut in_docstring = false;
    text.lines().map(str::trim).filter(move |line| {
        let quotes = line.matches("\"\"\"").count();
        let is_docstring = in_docstring || line.starts_with("\"\"\"");
        in_docstring ^= quotes == 1;
        let is_comment = ["//", "# ", "*", "/*"].iter().any(|mark| line.starts_with(mark));
        !(line.is_empty() || is_docstring || is_comment)
    })
}
