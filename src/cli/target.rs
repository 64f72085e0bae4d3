//! What `inspect` and `drill` are told to look at.

use std::path::Path;

use super::CommandError;
use crate::tile::{MAX_ZOOM, TileCoord, mercator};

/// How to say which tile is meant.
const ZXY: &str = "such as 14/8800/5373";

/// What to inspect.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// A path, or `-` for standard input.
    File(String),
    /// The address of a tile.
    Url(String),
    /// A tile of a TileJSON's address, or of a template with `{z}`, `{x}` and `{y}`.
    Tileset(String, TileCoord),
    /// A tile of what would be served.
    Sources(TileCoord),
}

/// Reads the arguments of `inspect`: the target, and what stands before a tile's `z/x/y` otherwise.
/// `has_config` says that there is a configuration to take layers from.
///
/// # Errors
/// They don't say what is meant; the text says what is missing.
pub fn target(args: &[String], has_config: bool) -> Result<(Target, &[String]), CommandError> {
    let (Some(last), Some(first)) = (args.last(), args.first()) else {
        return Err(format!("expected a tile: a file, a URL, or a source and z/x/y {ZXY}").into());
    };
    let coord = coordinates(last)?;
    let before = &args[..args.len() - 1];
    let target = match (coord, before) {
        (Some(coord), [url]) if is_http(url) => Target::Tileset(url.clone(), coord),
        (Some(coord), [file]) if is_tile(file) => {
            return Err(format!("{file} is a tile by its name: leave {coord} out").into());
        }
        (Some(coord), [_, ..]) => Target::Sources(coord),
        (Some(coord), []) if has_config => Target::Sources(coord),
        (Some(coord), []) => {
            let what = format!(
                "tile {coord} of what? Give a source or a URL before it, or --config; for a file \
                 of that name write ./{coord}"
            );
            return Err(what.into());
        }
        (None, []) if is_http(first) => Target::Url(first.clone()),
        // Not repeated: it may hold a password.
        (None, []) if first.contains("://") => {
            return Err(format!("which tile of it? Add its z/x/y, {ZXY}").into());
        }
        (None, []) => Target::File(first.clone()),
        (None, _) => {
            return Err(format!("expected the tile's z/x/y as the last argument, {ZXY}").into());
        }
    };
    if before.len() > 1 && before.iter().any(|arg| is_http(arg)) {
        return Err("a URL can't be inspected together with something else".into());
    }
    Ok((target, before))
}

/// Whether it is named as a tile is, or comes from standard input.
fn is_tile(file: &str) -> bool {
    file == "-" || [".mvt", ".pbf"].iter().any(|ending| file.ends_with(ending))
}

/// Whether it is the address of a server.
pub fn is_http(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Sources, and names of layers: with a configuration, what is neither an address nor a file.
pub fn sources_and_layers(args: &[String], has_config: bool) -> (Vec<String>, Vec<String>) {
    let is_source = |arg: &&String| !has_config || arg.contains("://") || Path::new(arg).exists();
    let (sources, layers): (Vec<&String>, Vec<&String>) = args.iter().partition(is_source);
    let layers = layers.into_iter().flat_map(|names| names.split(',')).map(str::to_owned);
    (sources.into_iter().cloned().collect(), layers.collect())
}

/// The tile that `z/x/y` names; `None` for any other text.
///
/// # Errors
/// There is no such tile.
fn coordinates(text: &str) -> Result<Option<TileCoord>, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if parts.len() != 3 || !parts.iter().all(is_number) {
        return Ok(None);
    }
    let numbers: Vec<u32> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    let [z, x, y] = numbers[..] else { return Err(format!("there is no tile {text}")) };
    let zoom = u8::try_from(z).ok().filter(|z| *z <= MAX_ZOOM);
    let zoom = zoom.ok_or(format!("there is no tile {text}: zoom goes from 0 to {MAX_ZOOM}"))?;
    let coord = TileCoord::new(zoom, x, y).ok_or_else(|| {
        format!("there is no tile {text}: at zoom {z}, x and y go from 0 to {}", (1u32 << z) - 1)
    })?;
    Ok(Some(coord))
}

/// A place in degrees, on the map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LonLat {
    pub lon: f64,
    pub lat: f64,
}

/// Where the square world ends.
const MAX_LATITUDE: f64 = 85.051_128;

/// For clap.
pub fn lonlat(text: &str) -> Result<LonLat, String> {
    let numbers = text.split_once(',').and_then(|(lon, lat)| {
        Some((lon.trim().parse::<f64>().ok()?, lat.trim().parse::<f64>().ok()?))
    });
    let (lon, lat) = numbers.ok_or("expected a longitude and a latitude, such as 13.4,52.5")?;
    if !(-180.0..=180.0).contains(&lon) {
        return Err("a longitude is between -180 and 180".to_owned());
    }
    if !(-MAX_LATITUDE..=MAX_LATITUDE).contains(&lat) {
        let swapped = if lat.abs() <= 180.0 && lat.abs() > 90.0 && lon.abs() <= 90.0 {
            "; the longitude comes first"
        } else {
            ""
        };
        return Err(format!("tiles end at latitudes of ±{MAX_LATITUDE}{swapped}"));
    }
    Ok(LonLat { lon, lat })
}

impl LonLat {
    /// The tile of zoom `z` that holds it.
    pub fn tile(self, z: u8) -> Option<TileCoord> {
        let (x, y) = mercator::project(self.lon, self.lat);
        let tiles = f64::from(1u32 << z.min(MAX_ZOOM));
        let side = 2.0 * mercator::HALF_WORLD;
        let column = |place: f64| (place / side * tiles).floor().clamp(0.0, tiles - 1.0) as u32;
        TileCoord::new(z, column(x + mercator::HALF_WORLD), column(mercator::HALF_WORLD - y))
    }
}

/// First and last zoom, for clap: `5-14`, or `5` for one.
pub fn zooms(text: &str) -> Result<(u8, u8), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let zoom = |text: &str| text.trim().parse::<u8>().ok().filter(|zoom| *zoom <= MAX_ZOOM);
    match (zoom(first), zoom(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        _ => Err(format!("expected zooms between 0 and {MAX_ZOOM}, such as 5-14")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str], has_config: bool) -> Result<Target, String> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        target(&args, has_config).map(|(target, _)| target).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_say_what_is_inspected() {
        let coord = TileCoord::new(3, 7, 2).unwrap();
        let cases = [
            (&["tile.mvt"][..], false, Target::File("tile.mvt".into())),
            (&["-"], false, Target::File("-".into())),
            (&["./3/7/2"], false, Target::File("./3/7/2".into())),
            (&["http://h/r/3/7/2"], false, Target::Url("http://h/r/3/7/2".into())),
            (&["http://h/r/3/7/2"], true, Target::Url("http://h/r/3/7/2".into())),
            (&["https://h/r", "3/7/2"], false, Target::Tileset("https://h/r".into(), coord)),
            (&["postgres://h/d", "3/7/2"], false, Target::Sources(coord)),
            (&["a.geojson", "b.geojson", "3/7/2"], false, Target::Sources(coord)),
            (&["roads", "3/7/2"], true, Target::Sources(coord)),
            (&["3/7/2"], true, Target::Sources(coord)),
        ];
        for (args, has_config, expected) in cases {
            assert_eq!(read(args, has_config), Ok(expected), "{args:?}");
        }
    }

    #[test]
    fn arguments_that_mean_nothing_say_what_is_missing() {
        for (args, why) in [
            (&["3/7/2"][..], "of what?"),
            (&["postgres://u:secret@h/d"], "z/x/y"),
            (&["postgres://u:secret@h/d", "roads"], "z/x/y"),
            (&["roads", "3/8/0"], "from 0 to 7"),
            (&["roads", "25/0/0"], "from 0 to 24"),
            (&["roads", "3/99999999999/0"], "no tile"),
            (&["http://h/r", "x", "3/7/2"], "together"),
        ] {
            let error = read(args, false).unwrap_err();
            assert!(error.contains(why) && !error.contains("secret"), "{args:?}: {error}");
        }
    }

    #[test]
    fn places_are_in_their_tiles() {
        let berlin = lonlat("13.4, 52.52").unwrap();
        assert_eq!(berlin.tile(0), TileCoord::new(0, 0, 0));
        assert_eq!(berlin.tile(14), TileCoord::new(14, 8801, 5373));
        for corner in ["-180,85.051128", "180,85.051128", "180,-85.051128"] {
            let corner = lonlat(corner).unwrap();
            assert!((0..=MAX_ZOOM).all(|z| corner.tile(z).is_some()), "{corner:?}");
        }
        assert!(lonlat("52.5,113.4").unwrap_err().contains("first"));
        for wrong in ["13.4", "a,b", "181,0", "0,89", "NaN,0"] {
            assert!(lonlat(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn zooms_are_a_range() {
        assert_eq!(zooms("5-14"), Ok((5, 14)));
        assert_eq!(zooms("7"), Ok((7, 7)));
        for wrong in ["14-5", "0-25", "a", "", "-"] {
            assert!(zooms(wrong).is_err(), "{wrong}");
        }
    }
}
