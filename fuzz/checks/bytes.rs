//! Decisions, drawn from the input.

pub struct Bytes<'a> {
    pub rest: &'a [u8],
}

impl Bytes<'_> {
    /// The next byte; 0 once there are none.
    pub fn next(&mut self) -> u8 {
        let Some((&first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        first
    }

    pub fn wide(&mut self) -> u16 {
        u16::from_le_bytes([self.next(), self.next()])
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u8) -> u8 {
        self.next() % end
    }

    pub fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.next()) % from.len()]
    }
}
