//! Reading FlatBuffers: tables that point at tables. Every read is checked against the file's end, and a pointer that leaves it is an error;
//! nothing is followed that the caller does not ask for, so that no file can make the reader go round in circles.

/// What is wrong with a file; the caller says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// A table: fields by number, each of them there or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where its list of fields begins, and how long that is.
    fields: (usize, usize),
}

/// A list of equally long things.
#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    bytes: &'a [u8],
    first: usize,
    n: usize,
}

impl<'a> Table<'a> {
    /// The table that a file begins with, if it has that name in its head.
    pub(super) fn root(bytes: &'a [u8], identifier: &[u8; 4]) -> Result<Table<'a>, Broken> {
        let at = word(bytes, 0)? as usize;
        if bytes.get(4..8) != Some(identifier) { Err(Broken) } else { Table::at(bytes, at) }
    }

    fn at(bytes: &'a [u8], at: usize) -> Result<Table<'a>, Broken> {
        // The list of fields lies before the table or, counted backwards, behind it.
        let back = word(bytes, at)?.cast_signed();
        let fields = usize::try_from(i64::try_from(at).map_err(|_| Broken)? - i64::from(back)).map_err(|_| Broken)?;
        let length = usize::from(half(bytes, fields)?);
        if length < 4 || bytes.len() - fields < length { Err(Broken) } else { Ok(Table { bytes, at, fields: (fields, length) }) }
    }

    /// Where a field is, if it is there.
    fn field(&self, number: usize) -> Result<Option<usize>, Broken> {
        let (fields, length) = self.fields;
        let entry = 4 + 2 * number;
        if entry + 2 > length {
            return Ok(None);
        }
        let offset = usize::from(half(self.bytes, fields + entry)?);
        Ok((offset != 0).then_some(self.at + offset))
    }

    pub(super) fn byte(&self, number: usize) -> Result<u8, Broken> {
        self.field(number)?.map_or(Ok(0), |at| self.bytes.get(at).copied().ok_or(Broken))
    }

    pub(super) fn int(&self, number: usize, default: i32) -> Result<i32, Broken> {
        self.field(number)?.map_or(Ok(default), |at| Ok(word(self.bytes, at)?.cast_signed()))
    }

    /// What a field points at, if it is there.
    fn target(&self, number: usize) -> Result<Option<usize>, Broken> {
        let Some(at) = self.field(number)? else { return Ok(None) };
        Ok(Some(at.checked_add(word(self.bytes, at)? as usize).ok_or(Broken)?))
    }

    pub(super) fn table(&self, number: usize) -> Result<Option<Table<'a>>, Broken> {
        self.target(number)?.map(|at| Table::at(self.bytes, at)).transpose()
    }

    /// A list of things of `size` bytes; an empty one if it is not there.
    fn list(&self, number: usize, size: usize) -> Result<List<'a>, Broken> {
        let Some(at) = self.target(number)? else { return Ok(List { bytes: self.bytes, first: 0, n: 0 }) };
        let (n, first) = (word(self.bytes, at)? as usize, at + 4);
        let is_inside = n.checked_mul(size).is_some_and(|length| length <= self.bytes.len() - first);
        if is_inside { Ok(List { bytes: self.bytes, first, n }) } else { Err(Broken) }
    }

    pub(super) fn tables(&self, number: usize) -> Result<List<'a>, Broken> {
        self.list(number, 4)
    }

    /// Numbers, `most` of them at most.
    pub(super) fn ints(&self, number: usize, most: usize) -> Result<Vec<i32>, Broken> {
        let list = self.list(number, 4)?.within(most)?;
        (0..list.n).map(|idx| Ok(word(list.bytes, list.first + 4 * idx)?.cast_signed())).collect()
    }

    pub(super) fn halves(&self, number: usize, most: usize) -> Result<Vec<u16>, Broken> {
        let list = self.list(number, 2)?.within(most)?;
        (0..list.n).map(|idx| half(list.bytes, list.first + 2 * idx)).collect()
    }

    pub(super) fn bytes(&self, number: usize) -> Result<&'a [u8], Broken> {
        let list = self.list(number, 1)?;
        list.bytes.get(list.first..list.first + list.n).ok_or(Broken)
    }
}

impl<'a> List<'a> {
    /// Lists can share their bytes: without a limit a small file would be read for hours.
    fn within(self, most: usize) -> Result<List<'a>, Broken> {
        if self.n <= most { Ok(self) } else { Err(Broken) }
    }

    pub(super) fn len(&self) -> usize {
        self.n
    }

    /// One of its tables.
    pub(super) fn table(&self, idx: usize) -> Result<Table<'a>, Broken> {
        if idx >= self.n {
            return Err(Broken);
        }
        let at = self.first + 4 * idx;
        Table::at(self.bytes, at.checked_add(word(self.bytes, at)? as usize).ok_or(Broken)?)
    }
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Broken> {
    let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Broken)?;
    Ok(u32::from_le_bytes(*bytes))
}

fn half(bytes: &[u8], at: usize) -> Result<u16, Broken> {
    let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Broken)?;
    Ok(u16::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with the number 7 in field 0, nothing in field 1, and the list 3, 4 in field 2.
    const FILE: [u8; 40] = [
        18, 0, 0, 0, b'T', b'E', b'S', b'T', // where the table is, the name
        10, 0, 12, 0, 4, 0, 0, 0, 8, 0, // the list of fields
        10, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 0, // the table
        2, 0, 0, 0, 3, 0, 0, 0, 4, 0, // the list, whose last two bytes are cut off
    ];

    #[test]
    fn fields_are_there_or_not() {
        let mut file = FILE.to_vec();
        file.extend([0, 0]);
        let table = Table::root(&file, b"TEST").expect("a table");
        assert_eq!((table.int(0, 5), table.int(1, 5), table.int(99, 5)), (Ok(7), Ok(5), Ok(5)));
        assert_eq!((table.ints(2, 2), table.ints(2, 1)), (Ok(vec![3, 4]), Err(Broken)));
        assert_eq!((table.ints(1, 2), table.bytes(9)), (Ok(Vec::new()), Ok(&[][..])));
    }

    #[test]
    fn what_leaves_the_file_is_an_error() {
        let table = Table::root(&FILE, b"TEST").expect("a table");
        assert_eq!(table.ints(2, 2), Err(Broken));
        assert!(Table::root(&FILE, b"TFL3").is_err());
        for length in 0..30 {
            let cut = Table::root(&FILE[..length], b"TEST");
            assert!(cut.is_err() || cut.is_ok_and(|table| table.int(0, 0).is_err() || table.ints(2, 2).is_err()), "{length}");
        }
        for at in [0, 8, 10, 12, 16, 18, 26] {
            let mut far = FILE;
            far[at..at + 2].fill(0xff);
            // Whatever it says, it says it without a panic.
            if let Ok(table) = Table::root(&far, b"TEST") {
                let _ =
                    (table.int(0, 0), table.ints(2, 2), table.table(2).map(|it| it.is_some()), table.tables(2).map(|it| it.len()));
            }
        }
    }
}
