//! FlatGeobuf, version 3 (<https://flatgeobuf.org>).
//!
//! ```text
//!   magic │ size, header │ index │ size, feature │ size, feature │ …
//!   8       4               40 × nodes, if any
//! ```
//!
//! The header and each feature are FlatBuffers, which the crate's generated code verifies and
//! reads. Sizes are read here, and nothing is reserved for bytes that haven't come.

mod feature;

use std::io::{self, BufReader, Read};

use flatbuffers::VerifierOptions;
use flatgeobuf::{Crs as NamedCrs, GeometryType, Header};

use self::feature::{Column, columns};
use super::batch::{Batch, Flaw};
use super::bytes::{BLOCK, Hashed};
use super::load::{LoadError, Loaded, Subject};
use super::parallel::{CHUNK, Chunk, Outlet, ReadFeature};
use super::systems;
use crate::tile::Crs;

/// Bytes of a node of the index: a box and an offset.
const NODE: u64 = 40;

/// What the header says.
struct Layer {
    crs: Crs,
    /// Of all features, or `Unknown`.
    kind: GeometryType,
    columns: Vec<Column>,
    /// `None` if nobody has counted them.
    features: Option<u64>,
    /// Bytes of the index.
    index: u64,
}

impl ReadFeature<()> for Layer {
    fn batch(&self) -> Batch {
        let mut batch = Batch::default();
        for column in self.columns.iter().filter(|column| column.is_property()) {
            // There is room for those that the header has: it has been tried.
            let _ = batch.declare(&column.name, column.types());
        }
        batch
    }

    fn read(&self, bytes: &[u8], (): &(), batch: &mut Batch) -> Result<(), Flaw> {
        let read = feature::read(self, bytes, batch);
        match read {
            Ok(()) => batch.finish(None),
            Err(_) => batch.cancel(),
        }
        read
    }
}

/// What a FlatBuffer of so many bytes may hold at most. Tables that are used more than once would
/// make more of a few bytes than fits into memory.
fn limits(length: usize) -> VerifierOptions {
    VerifierOptions {
        max_tables: length / 4,
        max_apparent_size: 8 * length,
        ignore_missing_null_terminator: true,
        ..VerifierOptions::default()
    }
}

/// The file as it is read, and how far that is.
struct Input<'a> {
    file: BufReader<Hashed<'a>>,
    offset: u64,
}

impl Input<'_> {
    /// Appends so many bytes. False if there are fewer.
    fn append(&mut self, length: u64, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let read = self.file.by_ref().take(length).read_to_end(bytes)? as u64;
        self.offset += read;
        Ok(read == length)
    }

    /// Passes over so many bytes. False if there are fewer.
    fn skip(&mut self, length: u64) -> io::Result<bool> {
        let skipped = io::copy(&mut self.file.by_ref().take(length), &mut io::sink())?;
        self.offset += skipped;
        Ok(skipped == length)
    }
}

impl Subject<'_> {
    pub(super) fn flatgeobuf(&self) -> Result<Loaded, LoadError> {
        let mut input = Input { file: BufReader::with_capacity(BLOCK, self.open()?), offset: 0 };
        let layer = self.layer(&mut input)?;
        if !input.skip(layer.index).map_err(|cause| self.io(cause))? {
            return Err(self.ends(&input, "in its index"));
        }
        self.in_parallel(&layer, |outlet| {
            self.send(&layer, &mut input, &outlet)?;
            Ok(input.file.get_ref().digest())
        })
    }

    /// Reads the header.
    fn layer(&self, input: &mut Input<'_>) -> Result<Layer, LoadError> {
        let (mut magic, mut bytes) = (Vec::new(), Vec::new());
        let io = |cause| self.io(cause);
        input.append(8, &mut magic).map_err(io)?;
        match magic.as_slice() {
            [b'f', b'g', b'b', 3, b'f', b'g', b'b', _] => {}
            [b'f', b'g', b'b', version, b'f', b'g', b'b', _] => {
                let reason = format!("it is FlatGeobuf of version {version}, expected version 3");
                return Err(self.broken(reason));
            }
            _ => return Err(self.broken("it is no FlatGeobuf: it doesn't start as one")),
        }
        let size = self.size(input, &mut bytes)?;
        let Some(size) = size else { return Err(self.ends(input, "before its header")) };
        if !input.append(size, &mut bytes).map_err(io)? {
            return Err(self.ends(input, "in its header"));
        }
        let header =
            flatgeobuf::size_prefixed_root_as_header_with_opts(&limits(bytes.len()), &bytes);
        let header = header.map_err(|error| {
            self.broken(format!("byte 8: its header is broken: {}", first_line(&error)))
        })?;
        self.described(&header)
    }

    fn described(&self, header: &Header<'_>) -> Result<Layer, LoadError> {
        let broken = |reason: Flaw| self.broken(format!("byte 8: its header is broken: {reason}"));
        let crs = header.crs().map_or(Ok(Crs::Wgs84), |crs| system(&crs));
        let mut scratch = Batch::default();
        let columns = header.columns().map(|all| columns(all, &mut scratch)).transpose();
        let features = Some(header.features_count()).filter(|count| *count > 0);
        let index = match (features, header.index_node_size()) {
            (None, _) | (_, 0) => Some(0),
            (Some(features), node) => index_bytes(features, node.into()),
        };
        Ok(Layer {
            crs: crs.map_err(|system| self.other_system(system))?,
            kind: header.geometry_type(),
            columns: columns.map_err(broken)?.unwrap_or_default(),
            features,
            index: index.ok_or_else(|| broken("its index can't be so large".to_owned()))?,
        })
    }

    /// Sends all features in chunks.
    fn send(
        &self,
        layer: &Layer,
        input: &mut Input<'_>,
        outlet: &Outlet<'_, ()>,
    ) -> Result<(), LoadError> {
        let mut next = 1;
        loop {
            let chunk = self.chunk(layer, input, next)?;
            next += chunk.units.len() as u64;
            self.check_memory(outlet.used().max(chunk.bytes.len() as u64))?;
            if chunk.units.is_empty() || !outlet.send(chunk, ()) {
                break;
            }
        }
        let count = next - 1;
        if layer.features.is_some_and(|expected| expected > count) {
            return Err(self.ends(input, &format!("after {count} of its features")));
        }
        let end = input.offset;
        if !input.skip(1).map_err(|cause| self.io(cause))? {
            return Ok(());
        }
        Err(self.broken(format!("byte {end}: it goes on behind the {count} features that it has")))
    }

    /// Some features, of which `first` is the first; none at the end.
    fn chunk(&self, layer: &Layer, input: &mut Input<'_>, first: u64) -> Result<Chunk, LoadError> {
        let mut chunk = Chunk { bytes: Vec::new(), units: Vec::new(), offset: input.offset, first };
        let mut number = first;
        while chunk.bytes.len() < CHUNK && layer.features.is_none_or(|count| number <= count) {
            let start = chunk.bytes.len();
            let Some(size) = self.size(input, &mut chunk.bytes)? else { break };
            self.check_memory(size)?;
            if !input.append(size, &mut chunk.bytes).map_err(|cause| self.io(cause))? {
                return Err(self.ends(input, &format!("in the middle of feature {number}")));
            }
            chunk.units.push(start..chunk.bytes.len());
            number += 1;
        }
        Ok(chunk)
    }

    /// The size of what follows, which is appended; `None` at the end.
    fn size(&self, input: &mut Input<'_>, bytes: &mut Vec<u8>) -> Result<Option<u64>, LoadError> {
        let start = bytes.len();
        input.append(4, bytes).map_err(|cause| self.io(cause))?;
        match bytes[start..].as_chunks() {
            ([size], _) => Ok(Some(u32::from_le_bytes(*size).into())),
            (_, []) => Ok(None),
            _ => Err(self.ends(input, "in the middle of a size")),
        }
    }

    fn ends(&self, input: &Input<'_>, place: &str) -> LoadError {
        self.broken(format!("byte {}: it ends {place}", input.offset))
    }
}

/// The system that the header names; degrees if it names none.
fn system(crs: &NamedCrs<'_>) -> Result<Crs, String> {
    let organisation = crs.org().unwrap_or("EPSG");
    let code = match (crs.code(), crs.code_string()) {
        (0, text) => text.unwrap_or_default().to_owned(),
        (code, _) => code.to_string(),
    };
    match (code.as_str(), crs.wkt().filter(|text| !text.is_empty())) {
        ("", None) => match crs.name().filter(|name| !name.is_empty()) {
            Some(name) if !name.starts_with("Undefined") => Err(name.to_owned()),
            _ => Ok(Crs::Wgs84),
        },
        ("", Some(text)) => systems::by_wkt(text),
        (code, _) => systems::by_code(organisation, code).ok_or_else(|| {
            let name = crs.name().unwrap_or_default();
            let code = format!("{organisation}:{code}");
            if name.is_empty() { code } else { format!("{code} ({name})") }
        }),
    }
}

/// Bytes of an index of so many features, with so many entries in a node; `None` if it can't be.
fn index_bytes(features: u64, node: u64) -> Option<u64> {
    if node < 2 {
        return None;
    }
    let (mut level, mut nodes) = (features, features);
    loop {
        level = level.div_ceil(node);
        nodes = nodes.checked_add(level)?;
        if level == 1 {
            return nodes.checked_mul(NODE);
        }
    }
}

/// What the verifier says first; what follows is where it was.
fn first_line(error: &flatbuffers::InvalidFlatbuffer) -> String {
    error.to_string().lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}
