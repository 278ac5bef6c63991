//! Pictures, made small.

use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use crate::OfficeError;

/// Longest side of a small picture.
const SIDE: u32 = 240;
/// Its quality, of 100.
const QUALITY: u8 = 80;
/// Longest side that is read.
const LONGEST_SIDE: u32 = 20_000;
/// Bytes that reading may take: a small file can unfold to a very large picture.
const MOST_BYTES: u64 = 400 << 20;

/// A picture as a small JPEG, upright.
///
/// # Errors
/// It cannot be read, or is too large.
pub fn small(path: &Path) -> Result<Vec<u8>, OfficeError> {
    let name = || path.display().to_string();
    let broken = |error: image::ImageError| OfficeError::Picture { path: name(), reason: error.to_string() };
    let opened = ImageReader::open(path).map_err(|source| OfficeError::File { path: name(), source })?;
    let mut reader = opened.with_guessed_format().map_err(|source| OfficeError::File { path: name(), source })?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let orientation = decoder.orientation().map_err(broken)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?.thumbnail(SIDE, SIDE);
    picture.apply_orientation(orientation);
    let mut bytes = Vec::new();
    picture.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY)).map_err(broken)?;
    Ok(bytes)
}
