//! Functions that give finished tiles.

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row};

use super::connection::{Connection, Parameter};
use super::fetch::SharedSink;
use super::functions::{Function, Returns};
use super::rows::raw;
use super::sql::qualify;
use super::values::Decoder;
use crate::query::Params;
use crate::source::LayerRequest;

/// The first two bytes of gzip (RFC 1952 section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Bytes of a tile, uncompressed, beyond which it is taken for a mistake.
const MAX_TILE: u64 = 64 << 20;

/// Bytes from which unpacking takes longer than moving the runtime's other tasks away.
const HEAVY: usize = 65_536;

/// A function whose tiles are passed on.
#[derive(Debug)]
pub struct FunctionLayer {
    sql: Arc<str>,
    takes_params: bool,
    has_tag: bool,
    params: Params,
}

impl FunctionLayer {
    /// The layer of a function that returns tiles, with what the settings declare.
    pub fn new(function: &Function, params: &Params) -> Self {
        let Function { schema, name, types: [z, x, y], params: takes, returns, .. } = function;
        let json = match takes {
            Some(kind) => format!(", $4::pg_catalog.text::pg_catalog.json::{kind}"),
            None => String::new(),
        };
        let call = format!("{}($1::{z}, $2::{x}, $3::{y}{json})", qualify(schema, name));
        Self {
            // Under any name that its columns have.
            sql: format!("SELECT * FROM {call} AS tesela").into(),
            takes_params: takes.is_some(),
            has_tag: matches!(returns, Returns::Tile { tagged: true }),
            params: params.clone(),
        }
    }

    /// The call: zoom, column and row, and perhaps a text of JSON.
    pub(super) fn sql(&self) -> Arc<str> {
        self.sql.clone()
    }

    /// Whether it takes the layer's parameters.
    pub fn takes_params(&self) -> bool {
        self.takes_params
    }

    /// A text that changes whenever the same tile could come out differently.
    pub fn definition(&self) -> String {
        format!("{}; {:?}", self.sql, self.params)
    }

    /// Calls the function. The inner error says what is wrong with what it gives.
    pub(super) async fn fetch(
        &self,
        connection: &Connection,
        request: &LayerRequest<'_>,
        index: usize,
        sink: &SharedSink<'_>,
    ) -> Result<Result<(), String>, Error> {
        let tile = request.tile;
        let [z, x, y] = [tile.z().into(), tile.x(), tile.y()].map(|n| n as i32);
        let mut values: Vec<Parameter<'_>> =
            [&z, &x, &y].map(|number| (number as _, Type::INT4)).into();
        if self.takes_params {
            values.push((&request.arguments.json, Type::TEXT));
        }
        let (mut rows, mut size) = (Vec::new(), 0);
        let each = |row: Row, _: &[Decoder]| {
            size += raw(&row, 0).map_or(0, <[u8]>::len);
            if size as u64 <= MAX_TILE {
                rows.push(row);
            }
        };
        connection.rows(&self.sql, &values, each).await?;
        if size as u64 > MAX_TILE {
            return Ok(Err(format!("{} gives no tile: it has {size} bytes", self.sql)));
        }
        let is_movable = Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        let joined = match size > HEAVY && is_movable {
            true => block_in_place(|| self.joined(&rows)),
            false => self.joined(&rows),
        };
        Ok(joined
            .map(|(tile, tag)| sink.encoded(index, &tile, tag.as_deref()))
            .map_err(|reason| format!("{} gives no tile: {reason}", self.sql)))
    }

    /// The rows' tiles as one, and the tags that stand for it if each row has one.
    fn joined(&self, rows: &[Row]) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
        let (mut tile, mut tags) = (Vec::new(), self.has_tag.then(Vec::new));
        for row in rows {
            let Some(bytes) = raw(row, 0).filter(|bytes| !bytes.is_empty()) else { continue };
            let part = uncompressed(bytes, MAX_TILE.saturating_sub(tile.len() as u64))?;
            is_tile(&part)?;
            tile.extend_from_slice(&part);
            let tag = if self.has_tag { raw(row, 1) } else { None };
            tags = tags.zip(tag).map(|(mut tags, tag)| {
                tags.extend(tag.len().to_le_bytes());
                tags.extend_from_slice(tag);
                tags
            });
        }
        Ok((tile, tags))
    }
}

/// At most so many bytes.
fn uncompressed(bytes: &[u8], most: u64) -> Result<Cow<'_, [u8]>, String> {
    let mut tile = Cow::Borrowed(bytes);
    if bytes.starts_with(&GZIP) {
        let bad = |error| format!("its gzip can't be read: {error}");
        let mut reader = MultiGzDecoder::new(bytes).take(most + 1);
        // Most of what is no tile shows at once, before it takes any memory.
        let mut unpacked = vec![0];
        let first = reader.read(&mut unpacked).map_err(bad)?;
        unpacked.truncate(first);
        is_begun(&unpacked)?;
        reader.read_to_end(&mut unpacked).map_err(bad)?;
        tile = Cow::Owned(unpacked);
    }
    match tile.len() as u64 > most {
        true => Err(format!("it has more than {MAX_TILE} bytes, uncompressed")),
        false => Ok(tile),
    }
}

/// Whether the bytes are layers one after the other, as far as the outermost level shows (MVT 2.1
/// section 4.1: `repeated Layer layers = 3`).
fn is_tile(mut bytes: &[u8]) -> Result<(), String> {
    while let Some((_, rest)) = bytes.split_first() {
        is_begun(bytes)?;
        let (length, rest) = varint(rest).ok_or("a length can't be read")?;
        let length = usize::try_from(length).ok().filter(|length| *length <= rest.len());
        bytes = &rest[length.ok_or("a layer ends too early")?..];
    }
    Ok(())
}

/// Whether a layer begins here, or nothing.
fn is_begun(bytes: &[u8]) -> Result<(), String> {
    const LAYER: u8 = 3 << 3 | 2;
    match bytes.first() {
        None | Some(&LAYER) => Ok(()),
        Some(tag) => Err(format!("it begins a field of tag {tag} where a layer should be")),
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_one_after_the_other_are_a_tile_and_nothing_else_is() {
        let layer = |length: usize| [&[0x1a, length as u8][..], &vec![7; length]].concat();
        for tile in [vec![], layer(0), layer(100), [layer(3), layer(2)].concat()] {
            assert_eq!(is_tile(&tile), Ok(()), "{tile:?}");
        }
        let long = [&[0x1a, 0x80, 0x01][..], &[0; 128]].concat();
        assert_eq!(is_tile(&long), Ok(()));
        for other in [&b"hello"[..], &[0x1a], &[0x1a, 5, 1], &[0x1a, 0xff, 0xff, 0xff, 0xff, 0xff]]
        {
            assert!(is_tile(other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn gzip_is_recognised_and_must_be_whole() {
        let tile = [0x1a, 1, 9];
        let gzip = crate::tile::compress::gzip(&tile);
        assert_eq!(&*uncompressed(&gzip, 3).unwrap(), &tile);
        assert_eq!(&*uncompressed(&tile, 3).unwrap(), &tile);
        assert!(uncompressed(&gzip[..gzip.len() - 1], 3).is_err());
        assert!(uncompressed(&gzip, 2).is_err() && uncompressed(&tile, 2).is_err());
    }
}
