//! `holdfast man`: manual pages, made of the same description as `--help`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use super::{Exit, arguments::description};

/// What `holdfast man` can be told.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    /// Write one file for each command into this folder, which is made if it is missing. Without it, all pages go to
    /// standard output.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Shows or writes a page for the program and one for each command.
pub(super) fn man(arguments: &Arguments) -> Exit {
    let pages = match pages() {
        Ok(pages) => pages,
        Err(error) => return Exit::failed(format!("the pages cannot be made: {error}")),
    };
    match &arguments.dir {
        None => Exit::done(pages.iter().map(|page| page.text.as_str()).collect::<String>()),
        Some(folder) => match write(&pages, folder) {
            Ok(()) => Exit::done(format!("{} pages are in {}", pages.len(), folder.display())),
            Err(error) => Exit::failed(format!("{}: {error}", folder.display())),
        },
    }
}

/// One manual page.
struct Page {
    /// `holdfast-serve.1`.
    file: String,
    text: String,
}

/// All of them, that of the program first.
fn pages() -> io::Result<Vec<Page>> {
    // The pages say what `help` would say.
    let mut program = description().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    add(&program, &mut pages)?;
    Ok(pages)
}

fn add(command: &clap::Command, pages: &mut Vec<Page>) -> io::Result<()> {
    let man = Man::new(command.clone()).source(SOURCE).manual(MANUAL);
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    render_common(&man.get_filename(), &mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    pages.push(Page { file: man.get_filename(), text });
    command.get_subcommands().try_for_each(|inner| add(inner, pages))
}

/// How a command ends, and what holds for every one.
fn render_common(file: &str, text: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    let own = ANSWERS.iter().find(|(name, _)| *name == file);
    for (code, meaning) in own.map_or(EXIT_STATUS, |(_, answers)| answers) {
        roff.control("TP", []).text([bold(*code)]).text([roman(*meaning)]);
    }
    roff.control("SH", ["ENVIRONMENT"]);
    roff.control("TP", []).text([bold("HOLDFAST__SECTION__KEY")]).text([roman(ENVIRONMENT)]);
    roff.to_writer(text)
}

fn write(pages: &[Page], folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    pages.iter().try_for_each(|page| fs::write(folder.join(&page.file), &page.text))
}

const SOURCE: &str = concat!("holdfast ", env!("CARGO_PKG_VERSION"));

const MANUAL: &str = "Holdfast";

const EXIT_STATUS: &[(&str, &str)] =
    &[("0", "Done."), ("1", "Failed while running."), ("2", "Wrong usage or configuration.")];

/// Commands that answer a question: what each code says.
const ANSWERS: [(&str, &[(&str, &str)]); 5] = [
    (
        "holdfast-audit-verify.1",
        &[
            ("0", "Every line is as it was written. Notes may still be worth reading."),
            ("1", "A line was changed, cut, moved or put in, or the signatures do not fit; each is named."),
            ("2", "Wrong usage, or a file cannot be read. Nothing is said of the trail."),
            ("3", "With --complete: all is in order, and lines follow the last signed checkpoint."),
        ],
    ),
    (
        "holdfast-compliance.1",
        &[
            (
                "0",
                "Each requirement is met, the operator's, of another level, or set aside with a justification.",
            ),
            ("1", "Something deviates, and nobody has said why; the report ends with what it is."),
            ("2", "Wrong usage or configuration. Nothing was judged."),
        ],
    ),
    (
        "holdfast-doctor.1",
        &[
            ("0", "Everything was checked and is well."),
            ("1", "Something is not well, or could not be checked; each is told with what to do."),
            ("2", "Wrong usage or configuration. Nothing was checked."),
        ],
    ),
    (
        "holdfast-healthcheck.1",
        &[
            ("0", "The server answers."),
            ("1", "It does not answer within two seconds, or says that it is not well."),
            ("2", "Wrong usage."),
        ],
    ),
    (
        "holdfast-policy-check.1",
        &[
            ("0", "The policies are in order."),
            ("1", "Failed while running."),
            (
                "2",
                "A policy is not in order, or wrong usage or configuration; each problem is told with its place.",
            ),
        ],
    ),
];

const ENVIRONMENT: &str =
    "Sets a key of the configuration, and wins over the file: HOLDFAST__SESSION__IDLE=30m sets session.idle.";

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command below `command`, with the words that call it.
    fn all(command: &clap::Command, words: &str, found: &mut Vec<(String, clap::Command)>) {
        found.push((words.to_owned(), command.clone()));
        for inner in command.get_subcommands() {
            all(inner, &format!("{words}-{}", inner.get_name()), found);
        }
    }

    #[test]
    fn a_command_that_answers_says_what_each_code_means() {
        let pages = pages().unwrap();
        for (file, answers) in ANSWERS {
            let page = pages.iter().find(|page| page.file == file).expect(file);
            let (_, status) = page.text.split_once("EXIT STATUS").expect(file);
            // An apostrophe has a name of its own in roff, and so has a hyphen that is typed.
            let status = status.replace("\\*(Aq", "'").replace("\\-", "-");
            for (code, meaning) in answers {
                assert!(status.contains(&format!("\\fB{code}\\fR\n{meaning}")), "{file} {code}: {status}");
            }
            assert!(!status.contains("Failed while running.") || file.contains("policy"), "{file}");
        }
        let serve = pages.iter().find(|page| page.file == "holdfast-serve.1").unwrap();
        assert!(serve.text.contains("Failed while running."));
    }

    #[test]
    fn every_command_has_a_page_that_names_each_of_its_options() {
        let mut commands = Vec::new();
        all(&description(), "holdfast", &mut commands);
        let pages = pages().unwrap();
        assert_eq!(pages.len(), commands.len());
        for (name, command) in commands {
            let page = pages.iter().find(|page| page.file == format!("{name}.1")).expect(&name);
            // A hyphen is written `\-` in roff.
            let text = page.text.replace("\\-", "-");
            let about = command.get_about().expect(&name).to_string();
            assert!(text.contains(about.split(' ').next().unwrap()), "{name} says what it does");
            for argument in command.get_arguments() {
                if let Some(long) = argument.get_long() {
                    assert!(text.contains(&format!("--{long}")), "{name} --{long}");
                }
                assert!(argument.get_help().is_some(), "{name}: {} has no help", argument.get_id());
            }
            assert!(text.contains("EXIT STATUS"), "{name}");
        }
    }
}
