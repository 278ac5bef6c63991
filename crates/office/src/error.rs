//! What can go wrong with a file.

/// Failure to read or write a file. Every message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    /// The file cannot be opened or written.
    #[error("cannot open {path}: {source}; check the path and the rights")]
    File {
        /// Path as given.
        path: String,
        /// Reason of the operating system.
        source: std::io::Error,
    },
    /// The ending is not known.
    #[error("{path} is neither .csv nor .xlsx; save it in Excel as “Excel workbook (.xlsx)” or as CSV")]
    Kind {
        /// Path as given.
        path: String,
    },
    /// An Excel file that cannot be read.
    #[error("{path} is not a readable Excel workbook: {reason}; open it in Excel and save it again as .xlsx")]
    Workbook {
        /// Path as given.
        path: String,
        /// Reason of the library.
        reason: String,
    },
    /// A CSV file that cannot be read.
    #[error("{path}, line {line}: {reason}; save the sheet again as CSV (UTF-8)")]
    Csv {
        /// Path as given.
        path: String,
        /// Line from 1.
        line: u64,
        /// Reason of the library.
        reason: String,
    },
    /// A picture that cannot be read.
    #[error("{path} is not a readable picture: {reason}; save it again as JPEG, at most 20,000 pixels wide and high")]
    Picture {
        /// Path as given.
        path: String,
        /// Reason of the library.
        reason: String,
    },
    /// The file is larger than is read.
    #[error("{path} has more than {most} {what}; split it and import the parts one after the other")]
    TooLarge {
        /// Path as given.
        path: String,
        /// What there are too many of.
        what: &'static str,
        /// The limit.
        most: u64,
    },
    /// The workbook has no sheet with rows.
    #[error("{path} holds no rows; put the table on the first visible sheet")]
    Empty {
        /// Path as given.
        path: String,
    },
    /// A workbook that cannot be written.
    #[error("the workbook cannot be written: {0}; export fewer rows or as CSV")]
    Write(String),
}
