//! What a file is, told from its bytes and never from its name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use encoding_rs::GB18030;
use zip::ZipArchive;

/// The kinds of files that records may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// PDF.
    Pdf,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
    /// A workbook without macros.
    Xlsx,
    /// A Word document without macros.
    Docx,
    /// Plain text in UTF-8 or GB 18030.
    Text,
}

impl Kind {
    /// Media type.
    pub fn media(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Text => "text/plain",
        }
    }

    /// Whether it can be shown small.
    pub fn is_picture(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Webp)
    }
}

/// The kind of a file; none if it is of no kind that is known, or cannot be read.
pub fn kind_of(path: &Path) -> Option<Kind> {
    let mut start = [0; 16];
    let read = File::open(path).ok()?.read(&mut start).ok()?;
    let start = start.get(..read)?;
    let has = |at: usize, mark: &[u8]| start.get(at..).is_some_and(|rest| rest.starts_with(mark));
    if has(0, b"%PDF-") {
        Some(Kind::Pdf)
    } else if has(0, &[0xff, 0xd8, 0xff]) {
        Some(Kind::Jpeg)
    } else if has(0, b"\x89PNG\r\n\x1a\n") {
        Some(Kind::Png)
    } else if has(0, b"RIFF") && has(8, b"WEBP") {
        Some(Kind::Webp)
    } else if has(0, b"PK\x03\x04") {
        document(path)
    } else {
        text(path)
    }
}

/// A workbook or document of Office; one with macros is none.
fn document(path: &Path) -> Option<Kind> {
    let archive = ZipArchive::new(File::open(path).ok()?).ok()?;
    let has = |name: &str| archive.index_for_name(name).is_some();
    let macros = archive.file_names().any(|name| name.is_ok_and(|name| name.ends_with("vbaProject.bin")));
    if macros || !has("[Content_Types].xml") {
        return None;
    }
    match (has("xl/workbook.xml"), has("word/document.xml")) {
        (true, false) => Some(Kind::Xlsx),
        (false, true) => Some(Kind::Docx),
        _ => None,
    }
}

/// A text has no control characters but line ends and tabs.
fn text(path: &Path) -> Option<Kind> {
    let bytes = std::fs::read(path).ok()?;
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| !c.is_control() || "\t\r\n\u{c}".contains(c));
    let good = if let Ok(text) = std::str::from_utf8(&bytes) {
        plain(text)
    } else {
        let (text, _, broken) = GB18030.decode(&bytes);
        !broken && plain(&text)
    };
    good.then_some(Kind::Text)
}
