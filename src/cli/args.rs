//! Arguments, as `--help` explains them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// What is printed below every help text of the command itself.
const AFTER_HELP: &str = "\
To begin with:
  tesela serve postgres://user:password@host/database    serve a whole database
  tesela init postgres://… > tesela.toml                 write a configuration for it
  tesela serve --config tesela.toml                      and serve that

Exit status:
  0    done; for serve, stopped by SIGTERM
  1    failed; for check, something configured can't be served
  2    wrong arguments
  130  interrupted";

/// Vector tiles from PostGIS, made in Rust, cached, ready for a CDN.
#[derive(Debug, Parser)]
#[command(name = "tesela", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    /// How to write the log to standard error. RUST_LOG sets what is logged, for example
    /// RUST_LOG=tesela=debug for every request.
    #[arg(long, global = true, env = "TESELA_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve tiles.
    Serve(ServeArgs),
    /// Compare a configuration with its databases: print what will be published, and warnings.
    ///
    /// Exits with 1 when something configured can't be served.
    Check(CheckArgs),
    /// Print a commented configuration for a database.
    Init(InitArgs),
    /// Print a shell's completions, for example into /etc/bash_completion.d/tesela.
    Completions { shell: Shell },
    /// Print the manual page, for example into /usr/local/share/man/man1/tesela.1.
    Man,
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Databases to publish whole: postgres://user:password@host/database
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Configuration file (TOML).
    #[arg(long, short, value_name = "FILE", env = "TESELA_CONFIG")]
    pub config: Option<PathBuf>,
    /// Address to listen on instead of the configured one, such as 0.0.0.0:3000.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Don't start when something configured can't be served.
    #[arg(long)]
    pub strict: bool,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "expected an IP address and a port, such as 127.0.0.1:3000 or [::1]:3000".to_owned()
    })
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Databases to publish whole, as for serve.
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Configuration file (TOML).
    #[arg(long, short, value_name = "FILE", env = "TESELA_CONFIG")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The database: postgres://user:password@host/database
    pub url: String,
}
