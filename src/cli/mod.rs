//! The command line.

mod args;
mod check;
mod drill;
mod generate;
mod init;
mod inspect;
mod logging;
mod progress;
mod session;
mod sources;
mod table;
mod target;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command, ServeArgs};

use crate::app::{self, AppError};
use crate::config::{self, Settings};

/// What a command failed with: its text goes to standard error.
type CommandError = Box<dyn std::error::Error>;

/// Runs the command that the arguments name.
///
/// Exit status: 0 done, 1 failed or, for `check`, not everything can be served, 2 wrong
/// arguments, 130 interrupted.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    logging::start(cli.log_format);
    let result = match cli.command {
        Command::Serve(args) => serve(&args).map(|()| ExitCode::SUCCESS),
        Command::Check(args) => check::check(args.config.as_deref(), &args.sources),
        Command::Init(args) => init::init(&args.url).map(|()| ExitCode::SUCCESS),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Drill(args) => drill::drill(&args),
        Command::Completions { shell } => generate::completions(shell),
        Command::Man => generate::man(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn serve(args: &ServeArgs) -> Result<(), CommandError> {
    let mut settings = load(args.config.as_deref())?;
    sources::add(&mut settings, &args.sources)?;
    if let Some(listen) = args.listen {
        settings.server.listen = listen;
    }
    if !sources::has_any(&settings) {
        return Err(NOTHING_TO_SERVE.into());
    }
    let served = app::serve(&settings, args.strict, &progress::Bar::new());
    served.map_err(|error: AppError| error.into())
}

/// Loads the configuration; its mistakes are counted where there are several.
fn load(config: Option<&Path>) -> Result<Settings, CommandError> {
    config::load(config).map_err(|mistakes| match mistakes.count() {
        1 => mistakes.into(),
        count => format!("{count} mistakes in the configuration\n{mistakes}").into(),
    })
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> std::io::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

const NOTHING_TO_SERVE: &str = "there is nothing to serve
  a file or a folder of them: tesela serve city.geojson
  a whole database:           tesela serve postgres://user:password@host/database
  or write a configuration:   tesela init postgres://… > tesela.toml
                              tesela serve --config tesela.toml";
