//! The C interface of SQLite, made safe: statements that live no longer than the connection they were prepared on.
//!
//! All `unsafe` of this crate stands here.
#![expect(unsafe_code, reason = "the C interface; each call says why it is sound")]

use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;

use libsqlite3_sys as ffi;

use crate::StoreError;

/// A connection that is locked for us.
#[derive(Clone, Copy)]
pub(crate) struct Connection<'c> {
    handle: *mut ffi::sqlite3,
    locked: PhantomData<&'c ()>,
}

impl<'c> Connection<'c> {
    /// Wraps the handle of a connection that stays locked for `'c`.
    pub(crate) fn new(handle: std::ptr::NonNull<ffi::sqlite3>) -> Self {
        Self { handle: handle.as_ptr(), locked: PhantomData }
    }

    pub(crate) fn prepare(self, sql: &str) -> Result<Statement<'c>, StoreError> {
        let text = CString::new(sql).map_err(|error| StoreError::Sqlite { code: -1, message: error.to_string() })?;
        let mut statement = std::ptr::null_mut();
        // SAFETY: the handle is open and locked for 'c; the text ends with a zero byte; `statement` is written to.
        let code = unsafe {
            ffi::sqlite3_prepare_v2(self.handle, text.as_ptr(), -1, &raw mut statement, std::ptr::null_mut())
        };
        if code != ffi::SQLITE_OK || statement.is_null() {
            return Err(self.error(code));
        }
        Ok(Statement { statement, connection: self })
    }

    fn error(self, code: c_int) -> StoreError {
        StoreError::Sqlite { code, message: self.message() }
    }

    /// What the library says of the last call.
    pub(crate) fn message(self) -> String {
        // SAFETY: the handle is open; the text that is returned lives until the next call on the handle.
        unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(self.handle)) }.to_string_lossy().into_owned()
    }

    /// Row id of the last insert.
    pub(crate) fn last_row(self) -> i64 {
        // SAFETY: the handle is open.
        unsafe { ffi::sqlite3_last_insert_rowid(self.handle) }
    }
}

/// A prepared statement.
pub(crate) struct Statement<'c> {
    statement: *mut ffi::sqlite3_stmt,
    connection: Connection<'c>,
}

/// What a step came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Row,
    Done,
    /// A constraint refused the row.
    Refused,
}

impl Statement<'_> {
    pub(crate) fn bind_integer(&mut self, at: usize, value: Option<i64>) {
        // SAFETY: the statement is prepared; an index out of range is refused by the library.
        unsafe {
            match value {
                Some(value) => ffi::sqlite3_bind_int64(self.statement, at as c_int, value),
                None => ffi::sqlite3_bind_null(self.statement, at as c_int),
            };
        }
    }

    pub(crate) fn bind_text(&mut self, at: usize, value: Option<&str>) {
        // SAFETY: as above; the library copies the text (SQLITE_TRANSIENT).
        unsafe {
            match value {
                Some(text) => ffi::sqlite3_bind_text(
                    self.statement,
                    at as c_int,
                    text.as_ptr().cast(),
                    text.len() as c_int,
                    ffi::SQLITE_TRANSIENT(),
                ),
                None => ffi::sqlite3_bind_null(self.statement, at as c_int),
            };
        }
    }

    pub(crate) fn bind_blob(&mut self, at: usize, value: Option<&[u8]>) {
        // SAFETY: as above; the library copies the bytes.
        unsafe {
            match value {
                Some(bytes) => ffi::sqlite3_bind_blob(
                    self.statement,
                    at as c_int,
                    bytes.as_ptr().cast(),
                    bytes.len() as c_int,
                    ffi::SQLITE_TRANSIENT(),
                ),
                None => ffi::sqlite3_bind_null(self.statement, at as c_int),
            };
        }
    }

    pub(crate) fn step(&mut self) -> Result<Step, StoreError> {
        // SAFETY: the statement is prepared.
        let code = unsafe { ffi::sqlite3_step(self.statement) };
        match code {
            ffi::SQLITE_ROW => Ok(Step::Row),
            ffi::SQLITE_DONE => Ok(Step::Done),
            _ if code & 0xff == ffi::SQLITE_CONSTRAINT => Ok(Step::Refused),
            _ => Err(self.connection.error(code)),
        }
    }

    /// Ready for the next row; bindings stay.
    pub(crate) fn reset(&mut self) {
        // SAFETY: the statement is prepared; the result only repeats the last error.
        unsafe {
            ffi::sqlite3_reset(self.statement);
        }
    }

    pub(crate) fn integer(&self, column: usize) -> Option<i64> {
        // SAFETY: a row is current; a column out of range reads as null.
        unsafe {
            (ffi::sqlite3_column_type(self.statement, column as c_int) != ffi::SQLITE_NULL)
                .then(|| ffi::sqlite3_column_int64(self.statement, column as c_int))
        }
    }

    /// The bytes of a text or blob; they live until the next step.
    pub(crate) fn bytes(&self, column: usize) -> Option<&[u8]> {
        // SAFETY: a row is current; the pointer is valid for the length that is asked for after it, until the next
        // step, reset or drop, all of which need `&mut self`.
        unsafe {
            if ffi::sqlite3_column_type(self.statement, column as c_int) == ffi::SQLITE_NULL {
                return None;
            }
            let start = ffi::sqlite3_column_blob(self.statement, column as c_int).cast::<u8>();
            let length = ffi::sqlite3_column_bytes(self.statement, column as c_int) as usize;
            if start.is_null() { Some(&[]) } else { Some(std::slice::from_raw_parts(start, length)) }
        }
    }

    pub(crate) fn text(&self, column: usize) -> Option<&str> {
        self.bytes(column).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        // SAFETY: the statement was prepared and is finalised once.
        unsafe {
            ffi::sqlite3_finalize(self.statement);
        }
    }
}
