//! Protobuf's wire format over borrowed bytes: nothing is copied, and what is not asked for is stepped over.

/// The bytes are not the protobuf they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed protobuf")]
pub struct Malformed;

/// One field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    /// A number or boolean.
    Varint(u64),
    /// Text, bytes or a message.
    Bytes(&'a [u8]),
    /// Four or eight bytes that nothing here asks for.
    Fixed,
}

impl<'a> Field<'a> {
    /// Its text; `None` where it is none.
    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Varint(_) | Self::Fixed => None,
        }
    }

    /// The fields of the message that it is.
    pub(super) fn fields(self) -> Fields<'a> {
        match self {
            Self::Bytes(bytes) => Fields(bytes),
            Self::Varint(_) | Self::Fixed => Fields(&[]),
        }
    }

    /// Its number.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Varint(number) => number,
            Self::Bytes(_) | Self::Fixed => 0,
        }
    }
}

/// A message's fields, in the order of its bytes.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The first field with this number.
    pub(super) fn first(mut self, number: u32) -> Result<Option<Field<'a>>, Malformed> {
        self.find_map(|field| match field {
            Ok((found, value)) => (found == number).then_some(Ok(value)),
            Err(error) => Some(Err(error)),
        })
        .transpose()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = take(self.0);
        self.0 = field.map_or(&[], |(_, _, rest)| rest);
        Some(field.map(|(number, field, _)| (number, field)).ok_or(Malformed))
    }
}

fn take(bytes: &[u8]) -> Option<(u32, Field<'_>, &[u8])> {
    let (key, rest) = varint(bytes)?;
    let number = u32::try_from(key >> 3).ok()?;
    let fixed = |width: usize| Some((number, Field::Fixed, rest.get(width..)?));
    match key & 7 {
        0 => varint(rest).map(|(value, rest)| (number, Field::Varint(value), rest)),
        1 => fixed(8),
        2 => {
            let (length, rest) = varint(rest)?;
            let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            Some((number, Field::Bytes(value), rest))
        }
        5 => fixed(4),
        _ => None,
    }
}

/// A variable-length number and what follows it; `None` where it has no end or is longer than ten bytes.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    const LONGEST: usize = 10;
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(LONGEST) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wire_type() {
        let bytes = [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4];
        let fields: Result<Vec<_>, _> = Fields(&bytes).collect();
        let expected = [(1, Field::Varint(150)), (2, Field::Bytes(b"hi")), (3, Field::Fixed), (4, Field::Fixed)];
        assert_eq!(fields.unwrap(), expected);
        assert_eq!(Fields(&bytes).first(2).unwrap().unwrap().text(), Some("hi"));
        assert_eq!(Fields(&bytes).first(9).unwrap(), None);
    }

    #[test]
    fn malformed_once_and_then_over() {
        for bytes in [&[0x12, 200, 1, 0][..], &[0x0b], &[0x08], &[0xff; 11], &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 1]] {
            let mut fields = Fields(bytes);
            assert_eq!(fields.next(), Some(Err(Malformed)), "{bytes:?}");
            assert_eq!(fields.next(), None);
        }
    }
}
