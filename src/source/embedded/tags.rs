//! The properties of a store's features.

use super::batch::Batch;
use super::store::{Order, TooMany};
use super::values::{Code, Codes, Interner, Values};

/// For each feature its columns and values, one feature behind the other.
#[derive(Debug, Default)]
pub(super) struct Tags {
    /// For each feature, where its properties end.
    ends: Vec<u32>,
    keys: Vec<u16>,
    codes: Vec<Code>,
    values: Values,
}

impl Tags {
    /// Those of the batches' features in this order; `keys` are the columns of each batch's keys.
    pub(super) fn new(
        batches: &[Batch],
        keys: &[Vec<u16>],
        order: &Order,
    ) -> Result<Self, TooMany> {
        let mut values = Interner::default();
        let known: Option<Vec<Codes>> =
            batches.iter().map(|batch| values.take(batch.values.values())).collect();
        let known = known.ok_or("536,870,912 different values")?;
        let total = batches.iter().map(|batch| batch.tags.len()).sum();
        if u32::try_from(total).is_err() {
            return Err("4,294,967,295 properties of features");
        }
        let (mut ends, mut own) = (Vec::with_capacity(order.len()), Vec::new());
        let (mut all_keys, mut codes) = (Vec::with_capacity(total), Vec::with_capacity(total));
        for (batch, feature) in order {
            let (features, tags) = (&batches[*batch].features, &batches[*batch].tags);
            let start = feature.checked_sub(1).map_or(0, |before| features[before].tags_end);
            let tags = tags[start..features[*feature].tags_end].iter();
            let here = |(key, code): &(u16, Code)| {
                (keys[*batch][usize::from(*key)], known[*batch].of(*code))
            };
            own.clear();
            own.extend(tags.map(here));
            // In one order, so that features with the same properties are the same in tiles.
            own.sort_unstable_by_key(|(key, _)| *key);
            all_keys.extend(own.iter().map(|(key, _)| *key));
            codes.extend(own.iter().map(|(_, code)| *code));
            ends.push(u32::try_from(codes.len()).unwrap_or(u32::MAX));
        }
        Ok(Self { ends, keys: all_keys, codes, values: values.finish() })
    }

    /// The properties of a feature: places of columns, and values.
    pub(super) fn of(&self, feature: usize) -> impl Iterator<Item = (usize, Code)> {
        let start = feature.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let all = start..self.ends[feature] as usize;
        let keys = self.keys[all.clone()].iter().map(|key| usize::from(*key));
        keys.zip(self.codes[all].iter().copied())
    }

    pub(super) fn values(&self) -> &Values {
        &self.values
    }

    /// Bytes in use.
    pub(super) fn bytes(&self) -> usize {
        size_of::<u32>() * self.ends.len()
            + (size_of::<u16>() + size_of::<Code>()) * self.keys.len()
            + self.values.bytes()
    }
}
