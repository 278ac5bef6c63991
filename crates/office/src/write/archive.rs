//! Archives (zip) that are written from the beginning to the end, so that nothing of them must be kept.

use std::io::Write;

use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use crate::OfficeError;

/// An archive that grows file by file: `begin` a file, write its bytes, `begin` the next one.
pub struct Archive<W: Write> {
    writer: ZipWriter<StreamWriter<W>>,
}

impl<W: Write> Archive<W> {
    /// An empty archive.
    pub fn new(target: W) -> Self {
        Self { writer: ZipWriter::new_stream(target) }
    }

    /// Ends the file before and begins one with this path inside the archive.
    ///
    /// # Errors
    /// The target cannot be written.
    pub fn begin(&mut self, path: &str) -> Result<(), OfficeError> {
        // Nobody knows yet how long it gets: more than 4 GB must fit too.
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(true);
        self.writer.start_file(path, options).map_err(failed)
    }

    /// Writes the list of files, with which the archive is whole.
    ///
    /// # Errors
    /// The target cannot be written.
    pub fn finish(self) -> Result<(), OfficeError> {
        self.writer.finish().map_err(failed).map(drop)
    }
}

impl<W: Write> Write for Archive<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

fn failed(error: zip::result::ZipError) -> OfficeError {
    OfficeError::Write(error.to_string())
}
