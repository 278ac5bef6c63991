//! Files that are sent: to disk while they arrive, named by their hash, within a cap.

use std::path::{Path, PathBuf};

use axum::extract::Multipart;
use axum::http::StatusCode;
use bangfu_registry::files::Hasher;
use tokio::io::AsyncWriteExt;

use super::error::PageError;

/// A file that arrived.
#[derive(Debug)]
pub struct Arrived {
    /// Name that it was sent with, without folders.
    pub name: String,
    /// SHA-256, lower-case hex.
    pub hash: String,
    /// Bytes.
    pub size: u64,
    /// Where it lies for the moment.
    pub path: PathBuf,
    /// What else the form said.
    pub texts: Vec<(String, String)>,
}

/// Why a file did not arrive.
#[derive(Debug)]
pub enum Missed {
    /// None was chosen.
    Nothing,
    /// It is larger than the cap.
    TooLarge,
    /// Something else.
    Failed(PageError),
}

/// Longest name that is kept.
const LONGEST_NAME: usize = 150;

/// Takes the file `file` of a form into a folder; at most `most` bytes.
pub async fn take(mut form: Multipart, folder: &Path, most: u64, temporary: &str) -> Result<Arrived, Missed> {
    let failed = |error: std::io::Error| Missed::Failed(PageError::Failed(format!("{}: {error}", folder.display())));
    tokio::fs::create_dir_all(folder).await.map_err(failed)?;
    let (mut texts, mut arrived) = (Vec::new(), None);
    while let Some(mut field) = form.next_field().await.map_err(|error| wrong(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        let Some(file) = field.file_name().map(plain) else {
            texts.push((name, field.text().await.map_err(|error| wrong(&error))?));
            continue;
        };
        if name != "file" || file.is_empty() || arrived.is_some() {
            continue;
        }
        let path = folder.join(format!("{temporary}.part"));
        let mut target = tokio::fs::File::create(&path).await.map_err(failed)?;
        let (mut hasher, mut size) = (Hasher::default(), 0);
        loop {
            let chunk = field.chunk().await;
            let chunk = match chunk {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => return Err(forget(&path, wrong(&error)).await),
            };
            size += chunk.len() as u64;
            if size > most {
                return Err(forget(&path, Missed::TooLarge).await);
            }
            hasher.update(&chunk);
            target.write_all(&chunk).await.map_err(failed)?;
        }
        target.sync_all().await.map_err(failed)?;
        arrived = Some(Arrived { name: file, hash: hasher.hex(), size, path, texts: Vec::new() });
    }
    let mut arrived = arrived.ok_or(Missed::Nothing)?;
    if arrived.size == 0 {
        return Err(forget(&arrived.path, Missed::Nothing).await);
    }
    arrived.texts = texts;
    Ok(arrived)
}

async fn forget(path: &Path, why: Missed) -> Missed {
    // Half a file is of no use; if it stays, it is cleared away later.
    let _ = tokio::fs::remove_file(path).await;
    why
}

fn wrong(error: &axum::extract::multipart::MultipartError) -> Missed {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Missed::TooLarge
    } else {
        Missed::Failed(PageError::BadRequest(error.body_text()))
    }
}

/// The last part of a name, without what could lead elsewhere or break a line.
fn plain(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|c| !c.is_control() && !"\"<>:|?*".contains(*c)).collect();
    kept.trim_matches(['.', ' ']).chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn names_lead_nowhere() {
        for (sent, kept) in [
            ("名单.xlsx", "名单.xlsx"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a\r\nb.csv", "ab.csv"),
            ("..", ""),
            ("\"x\".pdf", "x.pdf"),
        ] {
            assert_eq!(plain(sent), kept, "{sent}");
        }
    }
}
