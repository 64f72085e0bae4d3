//! Arguments, as `--help` explains them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::target::{LonLat, lonlat, zooms};

/// What is printed below every help text of the command itself.
const AFTER_HELP: &str = "\
To begin with:
  tesela serve city.geojson                              serve a file, or a folder of them
  tesela serve postgres://user:password@host/database    serve a whole database
  tesela init postgres://… > tesela.toml                 write a configuration for it
  tesela serve --config tesela.toml                      and serve that
  tesela drill --config tesela.toml --lonlat 13.4,52.5   find what is slow or heavy

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
    /// Compare a configuration with its databases and files: print what will be published, and warnings.
    ///
    /// Exits with 1 when something configured can't be served.
    Check(CheckArgs),
    /// Print a commented configuration for a database.
    Init(InitArgs),
    /// Show what a tile's bytes are spent on: layers, features, properties.
    ///
    /// The tile is a file, that of any server, or one made now of a source:
    ///
    ///   tesela inspect tile.mvt                          a file; - for standard input
    ///   tesela inspect http://host/roads/14/8800/5373    a tile's address
    ///   tesela inspect http://host/roads 14/8800/5373    a TileJSON or template
    ///   tesela inspect postgres://… 14/8800/5373         all layers of a source
    ///   tesela inspect --config FILE roads 14/8800/5373  a layer or tileset
    ///
    /// Files and answers may be packed with gzip or zstd. A template has {z}, {x} and {y} in it.
    #[command(verbatim_doc_comment)]
    Inspect(InspectArgs),
    /// Show what the tiles at a place cost, zoom by zoom and layer by layer: time, rows, bytes.
    ///
    ///   tesela drill postgres://… --lonlat 13.4,52.5
    ///   tesela drill --config FILE roads --lonlat 13.4,52.5 --zooms 5-14
    ///
    /// Nothing comes from a cache but the database's own. A ! marks the slowest and the heaviest.
    #[command(verbatim_doc_comment)]
    Drill(DrillArgs),
    /// Print a shell's completions, for example into /etc/bash_completion.d/tesela.
    Completions { shell: Shell },
    /// Print the manual page, for example into /usr/local/share/man/man1/tesela.1.
    Man,
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// What to publish whole: a database, postgres://user:password@host/database, or a file, a folder or
    /// a pattern of files
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Configuration file (TOML).
    #[arg(long, short, value_name = "FILE", env = "TESELA_CONFIG")]
    pub config: Option<PathBuf>,
    /// Address to listen on instead of the configured one, such as 0.0.0.0:3000.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Don't start when something configured can't be served, or a feature of a file can't be read.
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
    /// Databases and files to publish whole, as for serve.
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Configuration file (TOML).
    #[arg(long, short, value_name = "FILE", env = "TESELA_CONFIG")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct InspectArgs {
    /// What to look at: see above. With a configuration, what is neither a URL nor a file is a
    /// layer or tileset of it.
    #[arg(value_name = "TARGET", required = true)]
    pub target: Vec<String>,
    #[command(flatten)]
    pub of: OfSources,
    /// Print JSON; docs/inspect.md has its fields.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct DrillArgs {
    /// Sources, as for serve. With a configuration, what is neither a URL nor a file is a layer or
    /// tileset of it.
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// The place: longitude and latitude in degrees.
    #[arg(long, value_name = "X,Y", allow_hyphen_values = true, value_parser = lonlat)]
    pub lonlat: LonLat,
    /// First and last zoom, such as 5-14; those of the layers when absent.
    #[arg(long, value_name = "A-B", value_parser = zooms)]
    pub zooms: Option<(u8, u8)>,
    #[command(flatten)]
    pub of: OfSources,
    /// Print JSON; docs/inspect.md has its fields.
    #[arg(long)]
    pub json: bool,
}

/// What of the sources is asked for, and how.
#[derive(Debug, Args)]
pub struct OfSources {
    /// Configuration file (TOML).
    #[arg(long, short, value_name = "FILE", env = "TESELA_CONFIG")]
    pub config: Option<PathBuf>,
    /// Only these layers or tilesets of the sources.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub layer: Vec<String>,
    /// What a URL would have behind its ?, such as "kind=park" for a layer with such a parameter.
    #[arg(long, value_name = "QUERY", default_value = "", hide_default_value = true)]
    pub query: String,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The database: postgres://user:password@host/database
    pub url: String,
}
