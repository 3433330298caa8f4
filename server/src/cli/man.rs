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
    render_common(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    pages.push(Page { file: man.get_filename(), text });
    command.get_subcommands().try_for_each(|inner| add(inner, pages))
}

/// What holds for every command.
fn render_common(text: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_STATUS {
        roff.control("TP", []).text([bold(code)]).text([roman(meaning)]);
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

const EXIT_STATUS: [(&str, &str); 3] =
    [("0", "Done."), ("1", "Failed while running."), ("2", "Wrong usage or configuration.")];

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
