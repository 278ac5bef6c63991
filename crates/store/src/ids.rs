//! Ids that cannot be mixed up.

/// A record of any register: the row id of its table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RecordId(pub i64);

/// Number of a journal entry, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct JournalSeq(pub i64);
