//! The command line.

use super::dataset::{Group, Layer};

pub const HELP: &str = "\
cold: tiles that no cache has, over HTTP, rows against the database's ST_AsMVT

  scripts/bench --bench cold                        everything, with data of its own
  scripts/bench --bench cold -- layers [OPTION…]    one part of it: layers, growth or splits
  scripts/bench --bench cold -- prepare --keep NAME only makes the database

  --keep NAME         use this database and leave it, rather than make one and drop it
  --rows N            rows in the six city tables together (2000000)
  --tiles N           measured tiles per layer (500); as many others warm up
  --zooms A-B         within 2-16
  --layers A,B        names or subjects: lines_3857, points, city, countries, counties, oversized
  --connections N     that ask at the same time (4)
  --rounds N          measured passes of each (3)
  --set 'KEY = VALUE' a line for every layer of both servers; may be repeated
  --control           measures a handwritten ST_AsMVT statement too, without HTTP and gzip
  --encoders A,B      what to compare (rows,postgis; files is the same as GeoJSON);
                      one alone is measured alone
  --against URL       another server, http://HOST:PORT/{layer}/{z}/{x}/{y}, in place of the second.
                      It must serve the kept database and have its own cache off
  --pid N             that server's process, to measure its CPU";

pub struct Options {
    pub parts: Vec<String>,
    pub keep: Option<String>,
    pub rows: usize,
    pub tiles: usize,
    pub zooms: (u8, u8),
    layers: Vec<String>,
    pub connections: usize,
    pub rounds: usize,
    pub settings: Vec<String>,
    pub control: bool,
    pub encoders: Vec<String>,
    pub against: Option<String>,
    pub pid: Option<u32>,
}

impl Options {
    /// # Errors
    /// What is wrong with an argument.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            parts: Vec::new(),
            keep: None,
            rows: 2_000_000,
            tiles: 500,
            zooms: (2, 16),
            layers: Vec::new(),
            connections: 4,
            rounds: 3,
            settings: Vec::new(),
            control: false,
            encoders: vec!["rows".to_owned(), "postgis".to_owned()],
            against: None,
            pid: None,
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "layers" | "growth" | "splits" | "prepare" => options.parts.push(arg),
                "--control" => options.control = true,
                "--bench" => {}
                name => {
                    let value =
                        args.next().ok_or(format!("{name}: unknown, or without a value"))?;
                    options.set(name, &value).ok_or(format!("{name} {value}: not understood"))?;
                }
            }
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        let list = || value.split(',').map(str::to_owned).collect();
        match name {
            "--keep" => self.keep = Some(value.to_owned()),
            "--rows" => self.rows = value.parse().ok()?,
            "--tiles" => self.tiles = value.parse().ok()?,
            "--zooms" => self.zooms = zooms(value)?,
            "--layers" => self.layers = list(),
            "--connections" => self.connections = value.parse().ok().filter(|n| *n > 0)?,
            "--rounds" => self.rounds = value.parse().ok().filter(|n| *n > 0)?,
            "--set" => self.settings.push(value.to_owned()),
            "--encoders" => self.encoders = list(),
            "--against" => self.against = Some(value.to_owned()),
            "--pid" => self.pid = Some(value.parse().ok()?),
            _ => return None,
        }
        Some(())
    }

    pub fn wants_part(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }

    pub fn wants(&self, layer: &Layer) -> bool {
        let named = |name: &String| {
            *name == layer.name
                || *name == layer.subject
                || (name == "city" && layer.group == Group::City)
        };
        self.layers.is_empty() || self.layers.iter().any(named)
    }
}

fn zooms(value: &str) -> Option<(u8, u8)> {
    let (first, last) = value.split_once('-').unwrap_or((value, value));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (2 <= first && first <= last && last <= 16).then_some((first, last))
}
