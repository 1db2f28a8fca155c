//! What shells and manuals want to know of the command: completions and a man page, made of the same description as its
//! help.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::Cli;
use crate::failure::Failure;

/// Print a script that completes the command in a shell.
///
/// For bash: `channel-layers completions bash > ~/.local/share/bash-completion/completions/channel-layers`.
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    shell: Shell,
}

/// Print the manual page, with every command and option, in the format of `man`.
///
/// To read it: `channel-layers man | man -l -`.
#[derive(Debug, clap::Args)]
pub(crate) struct Man;

impl Completions {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "channel-layers", &mut script);
        print(&script)
    }
}

impl Man {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut page = Vec::new();
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        render(&command, &mut page).map_err(|e| Failure::failed(format!("the page cannot be made: {e}")))?;
        print(&page)
    }
}

/// One page for all commands: a section for each, and the exit codes at the end.
fn render(command: &clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_description_section(page)?;
    for sub in command.get_subcommands() {
        section(sub, page)?;
    }
    man.render_extra_section(page)
}

fn section(command: &clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
    let man = clap_mangen::Man::new(command.clone());
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    command.get_subcommands().try_for_each(|sub| section(sub, page))
}

/// Prints to whoever listens; a pager that was closed is no failure.
fn print(text: &[u8]) -> Result<(), Failure> {
    match io::stdout().write_all(text) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Failure::failed(format!("cannot print: {e}"))),
        _ => Ok(()),
    }
}
