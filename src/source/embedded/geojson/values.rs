//! What isn't geometry: texts, ids and properties.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::source::embedded::batch::{Batch, Types};
use crate::tile::Value;

/// A text, borrowed unless it has escapes.
pub(super) struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A feature's id, if it is one that tiles can have: a non-negative integer, also as a text.
pub(super) struct Id;

impl<'de> DeserializeSeed<'de> for Id {
    type Value = Option<u64>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Id {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id: a number or a text")
    }

    fn visit_u64<E: Error>(self, id: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(id).is_ok().then_some(id))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let id = text.parse().ok().filter(|id: &i64| *id >= 0 && id.to_string() == text);
        Ok(id.map(i64::cast_unsigned))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// The properties of a feature.
pub(super) struct Properties<'b> {
    pub(super) batch: &'b mut Batch,
}

impl<'de> DeserializeSeed<'de> for Properties<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Properties<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of properties or null")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let batch = self.batch;
        while let Some(name) = map.next_key_seed(Text)? {
            let key = batch.declare(&name, Types::default()).map_err(A::Error::custom)?;
            map.next_value_seed(Property { batch: &mut *batch, key })?;
        }
        Ok(())
    }
}

/// A property's value. Lists and objects become their JSON.
struct Property<'b> {
    batch: &'b mut Batch,
    key: u16,
}

impl Property<'_> {
    fn set<E: Error>(self, value: Value<'_>) -> Result<(), E> {
        self.batch.tag_key(self.key, value).map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Property<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Property<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.set(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.set(Value::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        match i64::try_from(number) {
            Ok(number) => self.set(Value::Int(number)),
            // As a double it would be another one.
            Err(_) => self.set(Value::Text(&number.to_string())),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.set(Value::Double(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.set(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let list = serde::de::value::SeqAccessDeserializer::new(seq);
        let list: serde_json::Value = serde::Deserialize::deserialize(list)?;
        self.set(Value::Text(&list.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let object = serde::de::value::MapAccessDeserializer::new(map);
        let object: serde_json::Value = serde::Deserialize::deserialize(object)?;
        self.set(Value::Text(&object.to_string()))
    }
}
