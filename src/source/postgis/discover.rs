//! The inventory: the catalogues' answer, completed by looking at some rows.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::{Client, Error};

use super::catalogue::{Found, postgis, relations};
use super::functions::{Function, WantedFunctions, functions};
use super::inventory::{Inventory, Relation, SpatialTable};
use super::look::{Look, Sample};
use super::sql::quote;

/// Tables looked at at once; their statements are pipelined on one connection.
const AT_ONCE: usize = 4;
/// When a round of looks ends: slow views may be many.
const BUDGET: Duration = Duration::from_secs(2);
/// What each table adds to it; a look at an ordinary one takes less.
const BUDGET_PER_TABLE: Duration = Duration::from_millis(2);
/// Looks end by themselves, unless the server waits for another one or for its disk.
const GRACE: Duration = Duration::from_secs(2);

const SKIPPED: &str = "not looked at: too many slow tables";

/// The catalogues' answer.
pub(super) struct Catalogued {
    postgis_schema: String,
    postgis_version: String,
    found: Vec<Found>,
    functions: Vec<Function>,
}

/// Everything that can be published; `None` when the database has no PostGIS.
pub(super) async fn catalogued(
    client: &Client,
    schemas: Option<&[String]>,
) -> Result<Option<Catalogued>, Error> {
    let Some((postgis_schema, postgis_version)) = postgis(client).await? else {
        return Ok(None);
    };
    let found = relations(client, &postgis_schema, schemas).await?;
    let functions = functions(client, &postgis_schema, schemas).await?;
    Ok(Some(Catalogued { postgis_schema, postgis_version, found, functions }))
}

/// Completes the catalogues' answer with what rows say. Also returns whether all looks have
/// ended; if not, the connection is busy with one.
pub(super) async fn look(client: &Client, catalogued: Catalogued) -> (Inventory, bool) {
    let Catalogued { postgis_schema, postgis_version, mut found, functions } = catalogued;
    let look = Look { client, postgis: quote(&postgis_schema) };
    let mut inventory = Inventory { postgis_schema, postgis_version, ..Inventory::default() };
    let (srids, mut ended) = round(vec![0], |_| look.srids()).await;
    for (_, srids) in srids {
        match srids {
            Ok(srids) => inventory.srids.extend(srids),
            Err(reason) => tracing::warn!(reason, "can't read spatial_ref_sys"),
        }
    }
    ended = sample_all(&look, &mut found, ended).await;
    inventory.functions = functions;
    if ended {
        let all = by_speed(&found, |_| true);
        let (bounds, all_ended) = round(all, |index| look.bounds(&found[index])).await;
        ended = all_ended;
        for (index, bounds) in bounds {
            let table = &mut found[index].table;
            table.bounds = bounds.unwrap_or_else(|reason| {
                tracing::debug!(table = table.qualified(), reason, "can't tell the bounds");
                None
            });
        }
    }
    inventory.tables = found.into_iter().map(|found| found.table).collect();
    (inventory, ended)
}

/// Learns SRIDs and types from rows where the catalogues don't have them.
async fn sample_all(look: &Look<'_>, found: &mut [Found], usable: bool) -> bool {
    let unknown = by_speed(found, |table| {
        table.geometry.srid.is_none() || table.geometry.geography && is_untyped(table)
    });
    for &index in &unknown {
        let geometry = &mut found[index].table.geometry;
        geometry.sampled = true;
        geometry.unlooked = geometry.srid.is_none().then(|| SKIPPED.to_owned());
    }
    let (samples, ended) = match usable {
        true => round(unknown.clone(), |index| look.sample(&found[index].table)).await,
        false => (Vec::new(), false),
    };
    for (index, sample) in samples {
        let geometry = &mut found[index].table.geometry;
        match sample {
            Ok(sample) => {
                geometry.unlooked = None;
                apply(sample, &mut found[index].table);
            }
            Err(reason) => geometry.unlooked = geometry.unlooked.is_some().then_some(reason),
        }
    }
    for index in unknown {
        let table = &found[index].table;
        if let Some(reason) = &table.geometry.unlooked {
            tracing::warn!(table = table.qualified(), reason, "can't look at the rows");
        }
    }
    ended
}

/// Has the rows of functions described that are wanted, and learns the SRIDs of those that don't declare
/// them from the world's tile. One that gives no row there needs `srid`. Returns whether all looks have
/// ended.
///
/// # Errors
/// The connection is gone.
pub(super) async fn describe_functions(
    client: &Client,
    inventory: &mut Inventory,
    wanted: &WantedFunctions,
) -> Result<bool, Error> {
    let places = wanted.places(inventory);
    places.keys().for_each(|place| inventory.functions[*place].pending = true);
    for (place, wants_srid) in &places {
        let function = &mut inventory.functions[*place];
        function.describe(client, &inventory.postgis_schema).await?;
        function.pending = *wants_srid && function.unknown_srid().is_some();
    }
    let look = Look { client, postgis: quote(&inventory.postgis_schema) };
    let functions = &mut inventory.functions;
    let unknown = places.into_iter().filter(|(_, wants_srid)| *wants_srid).map(|(place, _)| place);
    let unknown = unknown.filter(|place| functions[*place].unknown_srid().is_some()).collect();
    let sample = |place: usize| {
        let from = functions[place].unknown_srid();
        let look = &look;
        async move {
            let (from, geometry) = from.unwrap_or_default();
            look.sample_of(&from, &geometry).await
        }
    };
    let (samples, ended) = round(unknown, sample).await;
    for (place, sample) in samples {
        let function = &mut functions[place];
        function.pending = sample.is_err();
        match (sample, function.table()) {
            (Ok(sample), Some(table)) => {
                table.geometry.sampled = true;
                apply(sample, table);
            }
            (Err(reason), _) => {
                let function = function.signature();
                tracing::warn!(function, reason, "can't call the function to learn its SRID");
            }
            (Ok(_), None) => {}
        }
    }
    Ok(ended)
}

fn apply(sample: Sample, table: &mut SpatialTable) {
    if let ([only], true) = (sample.types.as_slice(), is_untyped(table)) {
        only.clone_into(&mut table.geometry.geometry_type);
    }
    if !table.geometry.geography {
        let srids = sample.srids;
        table.geometry.srid = if let [only] = srids.as_slice() { Some(*only) } else { None };
        if srids.len() > 1 {
            table.geometry.mixed_srids = srids;
        }
    }
}

fn is_untyped(table: &SpatialTable) -> bool {
    table.geometry.geometry_type == "GEOMETRY"
}

/// Indices of the tables that are `wanted`, those first that are likely to answer at once.
fn by_speed(found: &[Found], wanted: impl Fn(&SpatialTable) -> bool) -> Vec<usize> {
    let mut indices: Vec<usize> =
        (0..found.len()).filter(|index| wanted(&found[*index].table)).collect();
    indices.sort_by_key(|index| match found[*index].table.relation {
        Relation::Table | Relation::MaterializedView | Relation::PartitionedTable => 0,
        Relation::View => 1,
        Relation::ForeignTable => 2,
    });
    indices
}

/// Looks at all of `indices`, as long as there is time. Returns the answers in any order, and
/// whether every look has ended.
async fn round<T, F: Future<Output = Result<T, String>>>(
    indices: Vec<usize>,
    look: impl Fn(usize) -> F,
) -> (Vec<(usize, Result<T, String>)>, bool) {
    let until = Instant::now() + BUDGET + BUDGET_PER_TABLE * indices.len() as u32;
    let look = &look;
    let mut looks = stream::iter(indices)
        .map(|index| async move {
            let answer = match Instant::now() < until {
                true => look(index).await,
                false => Err(SKIPPED.to_owned()),
            };
            (index, answer)
        })
        .buffer_unordered(AT_ONCE);
    let mut answers = Vec::new();
    loop {
        match timeout_at(until + GRACE, looks.next()).await {
            Ok(Some(answer)) => answers.push(answer),
            Ok(None) => return (answers, true),
            Err(_) => return (answers, false),
        }
    }
}
