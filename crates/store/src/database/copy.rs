//! Many rows at once in the binary format of PostgreSQL's `copy` (<https://www.postgresql.org/docs/15/sql-copy.html>).

use sqlx::postgres::PgConnection;

use super::query::next;
use crate::StoreError;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Signature, flags, length of the header's extension.
const HEADER: usize = SIGNATURE.len() + 8;
/// Bytes that are sent at a time.
const CHUNK: usize = 1 << 20;

/// Rows about to be sent.
pub(crate) struct Sheet {
    bytes: Vec<u8>,
    columns: i16,
}

impl Sheet {
    fn new(columns: usize) -> Self {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0; 8]);
        Self { bytes, columns: columns as i16 }
    }

    /// A new row begins.
    pub(crate) fn row(&mut self) {
        self.bytes.extend(self.columns.to_be_bytes());
    }

    /// The next column: a whole number.
    pub(crate) fn integer(&mut self, value: Option<i64>) {
        self.field(value.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    }

    /// The next column: a text or bytes.
    pub(crate) fn field(&mut self, value: Option<&[u8]>) {
        match value {
            None => self.bytes.extend((-1_i32).to_be_bytes()),
            Some(value) => {
                self.bytes.extend((value.len() as i32).to_be_bytes());
                self.bytes.extend(value);
            }
        }
    }
}

/// Puts rows into columns of a table, given as `table (column, …)`.
pub(crate) async fn write(
    connection: &mut PgConnection,
    (into, columns): (&str, usize),
    fill: impl FnOnce(&mut Sheet),
) -> Result<(), StoreError> {
    let mut sheet = Sheet::new(columns);
    fill(&mut sheet);
    sheet.bytes.extend((-1_i16).to_be_bytes());
    let mut copy = connection.copy_in_raw(&format!("copy {into} from stdin (format binary)")).await?;
    for chunk in sheet.bytes.chunks(CHUNK) {
        copy.send(chunk).await?;
    }
    copy.finish().await?;
    Ok(())
}

/// Hands the rows of a `select` over, each as the bytes of its columns.
pub(crate) async fn read(
    connection: &mut PgConnection,
    select: &str,
    mut row: impl FnMut(&[Option<&[u8]>]),
) -> Result<(), StoreError> {
    let mut arriving = connection.copy_out_raw(&format!("copy ({select}) to stdout (format binary)")).await?;
    let (mut held, mut begun) = (Vec::new(), false);
    while let Some(bytes) = next(&mut arriving).await {
        held.extend_from_slice(&bytes?);
        let mut at = 0;
        if !begun {
            if held.len() < HEADER {
                continue;
            }
            (at, begun) = (HEADER, true);
        }
        while let Some((fields, end)) = tuple(&held, at) {
            row(&fields);
            at = end;
        }
        held.drain(..at);
    }
    Ok(())
}

/// A row that begins at a place and where it ends; none: it has not arrived, or it is the end of all rows.
fn tuple(bytes: &[u8], mut at: usize) -> Option<(Vec<Option<&[u8]>>, usize)> {
    let count = i16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
    at += 2;
    let mut fields = Vec::with_capacity(usize::try_from(count).ok()?);
    for _ in 0..count {
        let length = i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
        at += 4;
        let Ok(length) = usize::try_from(length) else {
            fields.push(None);
            continue;
        };
        fields.push(Some(bytes.get(at..at + length)?));
        at += length;
    }
    Some((fields, at))
}

#[cfg(test)]
mod tests {
    use super::{HEADER, Sheet, tuple};

    #[test]
    fn what_is_written_is_read_when_it_has_arrived() {
        let mut sheet = Sheet::new(3);
        sheet.row();
        sheet.integer(Some(-7));
        sheet.field(Some("旗".as_bytes()));
        sheet.field(None);
        let bytes = sheet.bytes;
        let (fields, end) = tuple(&bytes, HEADER).unwrap();
        assert_eq!(fields, [Some(&(-7_i64).to_be_bytes()[..]), Some("旗".as_bytes()), None]);
        assert_eq!(end, bytes.len());
        assert!((HEADER..end).all(|short| tuple(&bytes[..short], HEADER).is_none()), "no half rows");
    }
}
