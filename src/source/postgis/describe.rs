//! What a database holds, and what layers of their own SQL give.

use futures_util::future::try_join_all;
use tokio::time::timeout;

use super::{
    Inventory, Mismatch, PATIENCE, PostgisSource, Query, QuerySettings, WantedFunctions, discover,
    query,
};
use crate::source::SourceError;

/// Queries described at once, each on a connection.
const AT_ONCE: usize = 4;

impl PostgisSource {
    /// Everything with a geometry or geography column outside the system schemas, or in
    /// `schemas` only, that the connected role may read.
    ///
    /// # Errors
    /// The database can't be reached or has no PostGIS.
    pub async fn inventory(&self, schemas: Option<&[String]>) -> Result<Inventory, SourceError> {
        let connection = self.checkout().await?;
        let catalogued = discover::catalogued(connection.client(), schemas);
        let catalogued = timeout(PATIENCE, catalogued).await.map_err(|_| self.too_late())?;
        let catalogued = match catalogued {
            Ok(Some(catalogued)) => catalogued,
            answer => {
                connection.finish(&answer);
                return Err(answer
                    .err()
                    .map_or_else(|| self.without_postgis(), |error| self.classify(&error)));
            }
        };
        let (inventory, ended) = discover::look(connection.client(), catalogued).await;
        if ended {
            connection.finish(&Ok(()));
        }
        Ok(inventory)
    }

    /// Adds to an inventory what the layers' own queries and functions give.
    ///
    /// # Errors
    /// The database can't be reached.
    pub async fn describe(
        &self,
        inventory: &mut Inventory,
        queries: &[QuerySettings],
        functions: &WantedFunctions,
    ) -> Result<(), SourceError> {
        self.describe_functions(inventory, functions).await?;
        let postgis = &inventory.postgis_schema;
        let mut all = Vec::with_capacity(queries.len());
        for some in queries.chunks(AT_ONCE) {
            let described = some.iter().map(|query| self.described(postgis, query));
            all.extend(try_join_all(described).await?);
        }
        let layers = queries.iter().map(|query| query.layer.clone());
        inventory.queries.extend(layers.zip(all));
        Ok(())
    }

    async fn describe_functions(
        &self,
        inventory: &mut Inventory,
        wanted: &WantedFunctions,
    ) -> Result<(), SourceError> {
        if wanted.places(inventory).is_empty() {
            return Ok(());
        }
        let connection = self.checkout().await?;
        let describing = discover::describe_functions(connection.client(), inventory, wanted);
        let described = timeout(PATIENCE, describing).await;
        connection.cleanse();
        match described {
            Ok(Ok(true)) => connection.finish(&Ok(())),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => {
                let described = Err::<(), _>(error);
                connection.finish(&described);
                return described.map_err(|error| self.classify(&error));
            }
            // The others can do without what is still to be described.
            Err(_) => {
                let error = self.too_late().to_string();
                tracing::warn!(error, "can't describe all functions; another try follows");
            }
        }
        Ok(())
    }

    async fn described(
        &self,
        postgis: &str,
        settings: &QuerySettings,
    ) -> Result<Result<Query, Mismatch>, SourceError> {
        let connection = self.checkout().await?;
        let described = query::described(connection.client(), postgis, settings);
        match timeout(PATIENCE, described).await {
            Ok(described) => {
                connection.finish(&described);
                described.map_err(|error| self.classify(&error))
            }
            // The others can do without it.
            Err(_) => Ok(Err(Mismatch::UndescribedQuery {
                layer: settings.layer.clone(),
                reason: self.too_late().to_string(),
            })),
        }
    }

    fn without_postgis(&self) -> SourceError {
        SourceError::Query {
            database: self.name.clone(),
            reason: "it has no PostGIS: run CREATE EXTENSION postgis".to_owned(),
        }
    }
}
