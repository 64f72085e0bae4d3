//! What packages install beside the binary: completions and the manual page.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Cli;
use super::{CommandError, print};

/// Prints the completions of a shell.
pub fn completions(shell: Shell) -> Result<ExitCode, CommandError> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tesela", &mut text);
    print(&String::from_utf8(text)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page: the command, then each of its commands.
pub fn man() -> Result<ExitCode, CommandError> {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        let part = clap_mangen::Man::new(command.clone());
        let title = command.get_bin_name().unwrap_or_default().to_uppercase();
        page.extend(format!(".SH {title}\n").bytes());
        part.render_description_section(&mut page)?;
        part.render_synopsis_section(&mut page)?;
        part.render_options_section(&mut page)?;
    }
    // In place of a list of pages that aren't there.
    man.render_extra_section(&mut page)?;
    print(&String::from_utf8(page)?)?;
    Ok(ExitCode::SUCCESS)
}
