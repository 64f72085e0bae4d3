//! SQL's `LIKE`, by characters and with `\` as its escape.

#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Char(char),
    One,
    Any,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

impl Pattern {
    /// `None` if `text` ends in an escape, for which PostgreSQL would refuse the whole query.
    pub(super) fn new(text: &str) -> Option<Self> {
        let (mut parts, mut chars) = (Vec::new(), text.chars());
        while let Some(char) = chars.next() {
            parts.push(match char {
                '\\' => Part::Char(chars.next()?),
                '%' => Part::Any,
                '_' => Part::One,
                char => Part::Char(char),
            });
        }
        Some(Self { parts })
    }

    /// Takes at most one step per part and character: only the last `%` ever gives up characters.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (mut at, mut rest) = (0, text.chars());
        let mut retry = None;
        loop {
            let mut next = rest.clone();
            match (self.parts.get(at), next.next()) {
                (None, None) => return true,
                (Some(Part::Any), _) => {
                    at += 1;
                    retry = Some((at, rest.clone()));
                    continue;
                }
                (Some(Part::One), Some(_)) => {}
                (Some(Part::Char(part)), Some(char)) if *part == char => {}
                _ => {
                    let Some((after, from)) = &mut retry else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    (at, rest) = (*after, from.clone());
                    continue;
                }
            }
            (at, rest) = (at + 1, next);
        }
    }
}
