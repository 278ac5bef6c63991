//! What can go wrong in the store.

/// Failure of the store. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused.
    #[error(
        "the database refused: {0}; check that the disk is not full and the file is not damaged (bangfu journal verify)"
    )]
    Database(#[from] sqlx::Error),
    /// The C interface refused.
    #[error(
        "the database refused: {message}; check that the disk is not full and the file is not damaged (bangfu journal verify)"
    )]
    Sqlite {
        /// Result code.
        code: i32,
        /// Words of the library.
        message: String,
    },
    /// A file of the data folder.
    #[error("cannot use {path}: {source}; check the data folder and its rights")]
    File {
        /// The path.
        path: String,
        /// Reason of the operating system.
        source: std::io::Error,
    },
    /// The database server cannot be reached, or refuses us.
    #[error("cannot use the database {address}: {source}; check the address, the password and that the server runs")]
    Server {
        /// The address without password.
        address: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The stored tables do not fit the pack.
    #[error("{0}")]
    Schema(String),
    /// Outside of what the user may see.
    #[error("{division} lies outside {scope}, which is what you may see and change")]
    Scope {
        /// The division.
        division: String,
        /// The scope.
        scope: String,
    },
    /// Someone else changed the record.
    #[error(
        "the record was changed by someone else meanwhile (version {found}, yours is {given}); load it again and repeat your change"
    )]
    Version {
        /// Version now.
        found: i64,
        /// Version that was edited.
        given: i64,
    },
    /// Another record has it already.
    #[error("another record of {register} has this already ({})", if fields.is_empty() { "its owner and period".to_owned() } else { fields.join(", ") })]
    Taken {
        /// The register.
        register: String,
        /// The fields that must differ; none: there is already a record for the owner and period.
        fields: Vec<String>,
    },
    /// Another account has the login.
    #[error("the login {0} is taken; choose another one")]
    Login(String),
    /// Somebody else acted on a case meanwhile.
    #[error("somebody acted on the case meanwhile; look at it again before you act")]
    CaseMoved(i64),
    /// Other records belong to it.
    #[error("records of {0} belong to it; remove or move them first")]
    Holds(String),
    /// The system keeps these records by itself.
    #[error("records of {0} are kept by the system and follow what it compares; correct the records that they tell of")]
    Kept(String),
    /// No room for another file.
    #[error("the record has {0} files, which is the most; remove one first")]
    Full(i64),
    /// What the journal wrote is no value of the field any more.
    #[error("the journal holds {value} for `{field}`, which the field does not take any more; enter the value by hand")]
    Journalled {
        /// The field.
        field: String,
        /// What stands in the journal.
        value: String,
    },
    /// A batch without a column.
    #[error("the rows have no column `{0}`")]
    Column(String),
    /// No such record.
    #[error("there is no record {0}")]
    Absent(String),
    /// A key file.
    #[error("{0}")]
    Secrets(String),
    /// The journal is broken.
    #[error("the journal is broken at entry {seq}: {what}; keep the file, and restore the last backup")]
    Journal {
        /// First broken entry.
        seq: i64,
        /// What does not fit.
        what: String,
    },
    /// A record of the store itself cannot be read.
    #[error("stored text cannot be read: {0}")]
    Stored(#[from] serde_json::Error),
    /// Arrow refused a batch.
    #[error("rows do not fit their columns: {0}")]
    Batch(#[from] arrow::error::ArrowError),
}
