//! CSV in UTF-8 (with or without byte order mark), UTF-16 or GB 18030, as Excel and older systems write it.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use encoding_rs::{Decoder, Encoding, GB18030, UTF_8};

use super::{Limits, Row};
use crate::OfficeError;

/// Bytes looked at to find encoding and separator.
const SAMPLE: usize = 1 << 16;

pub(super) fn read(
    path: &Path,
    name: &str,
    limits: &Limits,
    each: &mut dyn FnMut(Row) -> bool,
) -> Result<(), OfficeError> {
    let open = || File::open(path).map_err(|source| OfficeError::File { path: name.to_owned(), source });
    let mut sample = Vec::new();
    let failed = |source| OfficeError::File { path: name.to_owned(), source };
    open()?.take(SAMPLE as u64).read_to_end(&mut sample).map_err(failed)?;
    let encoding = encoding_of(&sample);
    let separator = separator_of(&encoding.decode(&sample).0);
    let text = Decoded::new(BufReader::with_capacity(SAMPLE, open()?), encoding);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text);
    let mut record = csv::StringRecord::new();
    let mut rows = 0;
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => {
                return Err(OfficeError::Csv { path: name.to_owned(), line, reason: error.to_string() });
            }
        }
        rows += 1;
        if rows > limits.rows {
            return Err(OfficeError::TooLarge { path: name.to_owned(), what: "rows", most: limits.rows });
        }
        if record.len() > limits.columns {
            let most = limits.columns as u64;
            return Err(OfficeError::TooLarge { path: name.to_owned(), what: "columns", most });
        }
        if record.iter().any(|cell| cell.len() > limits.cell) {
            let most = limits.cell as u64;
            return Err(OfficeError::TooLarge { path: name.to_owned(), what: "bytes in one cell", most });
        }
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let number = record.position().map_or(line, csv::Position::line);
        let cells = record.iter().map(|cell| cell.trim().to_owned()).collect();
        if !each(Row { number, cells }) {
            break;
        }
    }
    if rows == 0 { Err(OfficeError::Empty { path: name.to_owned() }) } else { Ok(()) }
}

/// Byte order mark, else UTF-8 if the sample is, else GB 18030.
fn encoding_of(sample: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(sample) {
        return encoding;
    }
    match std::str::from_utf8(sample) {
        Ok(_) => UTF_8,
        // The sample may end inside a character.
        Err(error) if error.error_len().is_none() => UTF_8,
        Err(_) => GB18030,
    }
}

/// The separator that occurs most in the first line.
fn separator_of(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |separator: char| first.matches(separator).count();
    [b',', b'\t', b';'].into_iter().max_by_key(|byte| (count(*byte as char), *byte == b',')).unwrap_or(b',')
}

/// A reader that gives UTF-8 whatever the file is written in.
struct Decoded<R> {
    inner: R,
    decoder: Decoder,
    text: Vec<u8>,
    start: usize,
    finished: bool,
}

impl<R: Read> Decoded<R> {
    fn new(inner: R, encoding: &'static Encoding) -> Self {
        Self { inner, decoder: encoding.new_decoder(), text: Vec::new(), start: 0, finished: false }
    }

    fn refill(&mut self) -> std::io::Result<()> {
        let mut bytes = vec![0; SAMPLE];
        let read = self.inner.read(&mut bytes)?;
        self.finished = read == 0;
        bytes.truncate(read);
        let room = self.decoder.max_utf8_buffer_length(read).unwrap_or(4 * SAMPLE);
        self.text.resize(room, 0);
        let (_, _, written, _) = self.decoder.decode_to_utf8(&bytes, &mut self.text, self.finished);
        self.text.truncate(written);
        self.start = 0;
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        while self.start == self.text.len() && !self.finished {
            self.refill()?;
        }
        let waiting = self.text.get(self.start..).unwrap_or_default();
        let count = waiting.len().min(target.len());
        target[..count].copy_from_slice(&waiting[..count]);
        self.start += count;
        Ok(count)
    }
}
