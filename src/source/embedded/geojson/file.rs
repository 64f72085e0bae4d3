//! A file of GeoJSON, taken apart as it is read.

use std::io::Read;

use super::{read, system};
use crate::source::embedded::batch::{Batch, Flaw};
use crate::source::embedded::bytes::BLOCK;
use crate::source::embedded::chunks::{Broken, Splitter};
use crate::source::embedded::load::{LoadError, Loaded, Subject};
use crate::source::embedded::parallel::{Outlet, ReadFeature};
use crate::tile::Crs;

struct GeoJson;

impl ReadFeature<Crs> for GeoJson {
    fn read(&self, bytes: &[u8], crs: &Crs, batch: &mut Batch) -> Result<(), Flaw> {
        read(bytes, *crs, batch)
    }
}

impl Subject<'_> {
    pub(in crate::source::embedded) fn geojson(&self) -> Result<Loaded, LoadError> {
        self.in_parallel(&GeoJson, |outlet| self.split(&outlet))
    }

    /// Sends the file's features in chunks. Returns the digest of the file.
    fn split(&self, outlet: &Outlet<'_, Crs>) -> Result<u128, LoadError> {
        let (mut splitter, mut file) = (Splitter::default(), self.open()?);
        let mut block = vec![0; BLOCK];
        let mut crs = None;
        loop {
            let length = file.read(&mut block).map_err(|cause| self.io(cause))?;
            splitter.push(&block[..length]).map_err(|broken| self.at(&broken))?;
            for (offset, members) in std::mem::take(&mut splitter.members) {
                self.system(offset, &members, &mut crs)?;
            }
            self.check_memory(outlet.used().max(splitter.held() as u64))?;
            if splitter.has_chunk(length == 0)
                && let Some(chunk) = splitter.chunk(length == 0, outlet.spare())
            {
                // What comes first decides, and a collection says it at its beginning.
                if !outlet.send(chunk, *crs.get_or_insert(Crs::Wgs84)) {
                    break;
                }
            }
            if length == 0 {
                break;
            }
        }
        splitter.end().map_err(|broken| self.at(&broken))?;
        if splitter.is_unused() {
            return Err(self.broken("it holds no GeoJSON"));
        }
        Ok(file.digest())
    }

    /// Takes note of the reference system that a collection names.
    fn system(&self, offset: u64, members: &[u8], crs: &mut Option<Crs>) -> Result<(), LoadError> {
        let members: serde_json::Value = serde_json::from_slice(members).map_err(|error| {
            self.broken(format!("byte {offset}: what surrounds its features is no JSON: {error}"))
        })?;
        match system(&members) {
            Ok(None) => Ok(()),
            Ok(Some(named)) if crs.is_none_or(|known| known == named) => {
                *crs = Some(named);
                Ok(())
            }
            Ok(Some(_)) => {
                Err(self.other_system("a system that is named behind its features".into()))
            }
            Err(system) => Err(self.other_system(system)),
        }
    }

    fn at(&self, Broken { offset, reason }: &Broken) -> LoadError {
        self.broken(format!("byte {offset}: {reason}"))
    }
}
