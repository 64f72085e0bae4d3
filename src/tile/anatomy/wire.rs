//! Protocol Buffers as they lie in memory: fields, numbers, packed lists.

use super::Malformed;

/// A field of a message.
pub struct Field<'a> {
    pub number: u64,
    pub wire: Wire<'a>,
    /// Where its content begins, in bytes from the start of the tile.
    pub at: usize,
    /// Bytes of the whole field: key, length and content.
    pub size: usize,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub enum Wire<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

impl<'a> Field<'a> {
    /// The content of a field with a length.
    ///
    /// # Errors
    /// It is of another type; `what` names it with the section that says so.
    pub fn bytes(&self, what: &'static str) -> Result<&'a [u8], Malformed> {
        match self.wire {
            Wire::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed { at: self.at, reason: what }),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// As of [`bytes`](Self::bytes).
    pub fn varint(&self, what: &'static str) -> Result<u64, Malformed> {
        match self.wire {
            Wire::Varint(number) => Ok(number),
            _ => Err(Malformed { at: self.at, reason: what }),
        }
    }
}

/// The fields of a message, one after the other. After an error there are no more.
pub struct Fields<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// Of a message that begins at byte `at` of the tile.
    pub fn new(message: &'a [u8], at: usize) -> Self {
        Self { rest: message, at }
    }

    fn field(&mut self) -> Result<Field<'a>, Malformed> {
        let start = self.at;
        let key = self.varint()?;
        let wire = match key & 7 {
            0 => {
                let at = self.at;
                let number = self.varint()?;
                return Ok(self.made(key, Wire::Varint(number), at, start));
            }
            1 => Wire::Fixed64(self.fixed()?),
            2 => {
                let length = self.varint()?;
                let at = self.at;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let bytes = self.take(length)?;
                return Ok(self.made(key, Wire::Bytes(bytes), at, start));
            }
            5 => Wire::Fixed32(self.fixed()?),
            _ => return Err(Malformed { at: start, reason: "no wire type of Protocol Buffers" }),
        };
        Ok(self.made(key, wire, start, start))
    }

    fn made(&self, key: u64, wire: Wire<'a>, at: usize, start: usize) -> Field<'a> {
        Field { number: key >> 3, wire, at, size: self.at - start }
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let before = self.rest.len();
        let number = varint(&mut self.rest);
        let reason = "a number that doesn't end";
        let number = number.ok_or(Malformed { at: self.at, reason })?;
        self.at += before - self.rest.len();
        Ok(number)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(Malformed {
                at: self.at,
                reason: "a field that is longer than what is left",
            });
        };
        self.rest = rest;
        self.at += length;
        Ok(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Takes a base 128 varint off the front; `None` where there is none of at most 64 bits.
pub fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 127) << (7 * index);
        if byte < 128 {
            *bytes = &bytes[index + 1..];
            // The tenth has room for one bit.
            return (index < 9 || byte < 2).then_some(value);
        }
    }
    None
}
