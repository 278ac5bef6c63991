//! Lists are sent, looked at and taken: upload → what would become of each row → confirmed with a reason → result.

use std::io::Read;
use std::path::{Path, PathBuf};

use axum::Form;
use axum::extract::{Multipart, Path as Part};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use bangfu_policy::model::{Field, Pack, Register, RegisterId, text_in};
use bangfu_registry::exchange::columns;
use bangfu_registry::intake::{self, ImportError, Imported, IntakeError, Limits, Request, Take};
use bangfu_registry::office::OfficeError;
use bangfu_registry::store::{Duplicates, Job, Outcome};
use bangfu_registry::views::figures::{self, Language};
use bangfu_registry::views::file;

use super::sent::{Sent, with_status, writable};
use crate::clock;
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::guard::own_site;
use crate::site::jobs::{self, Import, Line, Outlook, Some as SomeRows, State as Far, Wrong};
use crate::site::own::own;
use crate::site::upload::{self, Missed};
use crate::site::visit::Visit;

/// Bytes of a list at most.
pub const LARGEST: u64 = 50 << 20;
/// Rows of a list at most.
pub const MOST_ROWS: u64 = 100_000;
/// Rows that the page shows of each kind.
const SHOWN: usize = 5;
/// Problems that the page shows.
const SHOWN_WRONG: usize = 50;

fn limits() -> Limits {
    Limits { bytes: LARGEST, rows: MOST_ROWS, ..Limits::default() }
}

/// The form.
pub async fn form(site: Shared, visit: Visit, Part(id): Part<String>) -> Page {
    let (_, register) = writable(&site, &id)?;
    ask(&site, &visit, register, "")
}

fn ask(site: &Shared, visit: &Visit, register: &Register, error: &str) -> Page {
    let own = own! {
        id => register.id,
        title => text_in(&register.title, visit.language.id()),
        error,
        largest => (LARGEST >> 20).to_string(),
        most_rows => figures::grouped(MOST_ROWS as i64),
    };
    site.render(visit, "registry", "registry/import.html", own)
}

/// A file arrives and is looked at.
pub async fn send(site: Shared, visit: Visit, Part(id): Part<String>, headers: HeaderMap, sent: Multipart) -> Page {
    if !own_site(&headers) {
        return Err(PageError::Refused("Sec-Fetch-Site, Origin or Host name another site".to_owned()));
    }
    let (register_id, register) = writable(&site, &id)?;
    let folder = site.data.join("imports");
    jobs::clean(&folder);
    let refused = |key: &str, status: StatusCode| {
        let largest = (LARGEST >> 20).to_string();
        let words = site.texts.get(visit.language, key, &[("n", largest)]);
        Ok(with_status(ask(&site, &visit, register, &words)?, status))
    };
    let arrived = match upload::take(sent, &folder, LARGEST, &clock::run_id()).await {
        Ok(arrived) => arrived,
        Err(Missed::Nothing) => return refused("upload-nothing", StatusCode::UNPROCESSABLE_ENTITY),
        Err(Missed::TooLarge) => return refused("upload-too-large", StatusCode::PAYLOAD_TOO_LARGE),
        Err(Missed::Failed(error)) => return Err(error),
    };
    let Some(ending) = ending(&arrived.path) else {
        // A list that cannot be read is not kept; if it stays, it is cleared away later.
        let _ = std::fs::remove_file(&arrived.path);
        return refused("import-not-a-list", StatusCode::UNPROCESSABLE_ENTITY);
    };
    let name = format!("{}.{ending}", arrived.hash);
    std::fs::rename(&arrived.path, folder.join(&name)).map_err(|error| PageError::Failed(error.to_string()))?;
    let job = Job {
        id: format!("{}-{}", clock::run_id(), &arrived.hash[..8]),
        owner: site.who.account,
        register: register.id.clone(),
        name: arrived.name,
        size: arrived.size as i64,
        file: name,
        language: visit.language.id().to_owned(),
        state: "looking".to_owned(),
        at: site.now(),
        ..Job::default()
    };
    let job_id = job.id.clone();
    site.store.add_job(&job).await?;
    tokio::spawn(work(site.clone(), Import::new(job, register_id, visit.language, &folder), None));
    jobs::far(&site.store, &job_id).await?;
    Ok(Redirect::to(&format!("/registry/{id}/import/{job_id}")).into_response())
}

/// The ending of a list, by its content: a workbook or text.
fn ending(path: &Path) -> Option<&'static str> {
    let mut start = Vec::new();
    std::fs::File::open(path).ok()?.take(4096).read_to_end(&mut start).ok()?;
    if start.starts_with(b"PK\x03\x04") {
        return Some("xlsx");
    }
    let wide = start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
    let binary = start.contains(&0) || start.starts_with(b"%PDF");
    (wide || !binary).then_some("csv")
}

/// Looks at a file, or takes it.
async fn work(site: Shared, job: Import, reason: Option<(String, Box<Outlook>)>) {
    let who = site.actor();
    let request = Request {
        file: &job.file,
        limits: limits(),
        scope: site.facts.scope(),
        expected: reason.as_ref().map(|(_, shown)| shown.divided),
        register: Some(job.register),
        mapping: None,
        take: if reason.is_some() { Take::Good } else { Take::Nothing },
        duplicates: Duplicates::Update,
        language: &job.job.language,
        actor: &who,
        reason: reason.as_ref().map_or("", |(reason, _)| reason),
        at: site.now(),
    };
    let far = match intake::import(site.facts.store(), &request).await {
        Ok(imported) => match keep_errors(&site.pack, &job, &imported) {
            Ok(()) => {
                let mut outlook = outlook(&site, &job, &imported);
                outlook.surprised = reason.is_some() && !imported.taken;
                if imported.taken { Far::Done(Box::new(outlook)) } else { Far::Shown(Box::new(outlook)) }
            }
            Err(error) => Far::Failed(error),
        },
        Err(error) => {
            tracing::info!(%error, "a list cannot be imported");
            Far::Failed(words(&site, job.language, &error))
        }
    };
    let ended = matches!(far, Far::Done(_) | Far::Failed(_));
    let from = if reason.is_some() { "taking" } else { "looking" };
    let told = job.tell(&site.store, from, &far).await;
    if let Err(error) = &told {
        tracing::error!(%error, "what became of an import cannot be told");
    }
    if ended && matches!(site.store.needs(&job.job.file, &job.job.id).await, Ok(false)) {
        // The list holds what is now in the registry; if it cannot be removed, it is cleared away later.
        let _ = std::fs::remove_file(&job.file);
    }
}

fn keep_errors(pack: &Pack, job: &Import, imported: &Imported) -> Result<(), String> {
    if imported.reading.problems.is_empty() {
        return Ok(());
    }
    let make = || intake::write_result(pack, Some(job.register), &imported.reading, &job.job.language);
    let bytes = tokio::task::block_in_place(make).map_err(|error| error.to_string())?;
    std::fs::write(&job.errors, bytes).map_err(|error| format!("{}: {error}", job.errors.display()))
}

/// What a page shows of an import.
fn outlook(site: &Shared, job: &Import, imported: &Imported) -> Outlook {
    let reading = &imported.reading;
    let header = reading.table.first().map(|(_, cells)| cells.clone()).unwrap_or_default();
    let register = site.pack.registers.get(job.register.index());
    let field =
        |title: &str| register.and_then(|register| field_of(&site.pack, job.register, register, title, job.language));
    let secret: Vec<bool> = header.iter().map(|title| field(title).is_some_and(|field| field.secret)).collect();
    let shown = |wanted: Outcome| {
        let rows = reading.table.iter().skip(1).filter(|(row, _)| imported.outcomes.get(row) == Some(&wanted));
        let rows = rows.take(SHOWN).map(|(row, cells)| {
            let cells = (0..header.len()).map(|at| match cells.get(at) {
                Some(text) if secret.get(at) == Some(&true) && !text.is_empty() => "***".to_owned(),
                Some(text) => text.clone(),
                None => String::new(),
            });
            (*row, cells.collect())
        });
        rows.collect::<Vec<_>>()
    };
    let counts = imported.sum();
    let some = |count: u64, wanted| SomeRows { count: figures::grouped(count as i64), rows: shown(wanted) };
    Outlook {
        rows: figures::grouped(reading.rows as i64),
        new: some(counts.inserted, Outcome::Inserted),
        changed: figures::grouped(counts.updated as i64),
        lines: imported
            .changed
            .iter()
            .take(4 * SHOWN)
            .map(|(id, row, one)| line(site, *id, *row, one, job.language))
            .collect(),
        same: some(counts.unchanged, Outcome::Unchanged),
        refused: figures::grouped(imported.refused_rows() as i64),
        wrongs: reading
            .problems
            .iter()
            .take(SHOWN_WRONG)
            .map(|problem| Wrong {
                row: problem.row,
                column: problem.column.clone(),
                value: problem.value.clone(),
                message: problem.message.clone(),
                advice: problem.advice.clone(),
            })
            .collect(),
        any: counts.inserted + counts.updated > 0,
        ignored: reading.ignored.clone(),
        surprised: false,
        divided: imported.divided(),
        header,
    }
}

fn field_of<'p>(
    pack: &Pack,
    id: RegisterId,
    register: &'p Register,
    title: &str,
    language: Language,
) -> Option<&'p Field> {
    let columns = columns::columns(pack, id, language.id());
    let column = columns.iter().find(|column| column.title == title)?;
    match column.part {
        columns::Part::Field(index) => register.fields.get(usize::from(index)),
        _ => None,
    }
}

fn line(
    site: &Shared,
    id: RegisterId,
    row: u64,
    changed: &bangfu_registry::store::Changed,
    language: Language,
) -> Line {
    let fields = site.pack.registers.get(id.index()).map(|register| register.fields.as_slice()).unwrap_or_default();
    let side = |side: &serde_json::Map<String, serde_json::Value>, field: &Field| {
        file::journalled(&site.pack, field, side.get(&field.id), &site.places, language)
    };
    let fields = fields.iter().filter(|field| changed.after.contains_key(&field.id)).map(|field| {
        let title = text_in(&field.title, language.id()).to_owned();
        (title, side(&changed.before, field), side(&changed.after, field))
    });
    Line { row, fields: fields.collect() }
}

/// Why a list cannot be imported, in the visitor's language.
fn words(site: &Shared, language: Language, error: &ImportError) -> String {
    let text = |key: &str, list: &[(&str, String)]| site.texts.get(language, key, list);
    match error {
        ImportError::Intake(IntakeError::File(file)) => match file {
            OfficeError::TooLarge { most, .. } => text("import-too-many", &[("n", figures::grouped(*most as i64))]),
            OfficeError::Empty { .. } => text("import-empty", &[]),
            _ => text("import-unreadable", &[]),
        },
        ImportError::Intake(IntakeError::Header { first, some, .. }) => {
            text("import-no-header", &[("first", first.clone()), ("some", some.clone())])
        }
        ImportError::Intake(IntakeError::Column { column, .. }) => {
            text("import-no-column", &[("column", column.clone())])
        }
        other => {
            tracing::error!(error = %other, "an import failed");
            text("import-failed", &[])
        }
    }
}

async fn find(site: &Shared, (id, register): (RegisterId, &Register), job: &str) -> Result<Import, PageError> {
    let found = site.store.job(job).await?;
    let found = found.filter(|found| found.register == register.id && found.owner == site.who.account);
    let found = found.ok_or_else(|| PageError::not_found("import", job))?;
    let language = site.texts.languages().find(|language| language.id() == found.language);
    let language = language.unwrap_or_else(|| site.texts.first());
    Ok(Import::new(found, id, language, &site.data.join("imports")))
}

/// How far an import is.
pub async fn job(site: Shared, visit: Visit, Part((id, job)): Part<(String, String)>) -> Page {
    let (register_id, register) = writable(&site, &id)?;
    let job = find(&site, (register_id, register), &job).await?;
    let far = jobs::far(&site.store, &job.job.id).await?;
    show(&site, &visit, register, &job, &far, "")
}

fn show(site: &Shared, visit: &Visit, register: &Register, job: &Import, far: &Far, error: &str) -> Page {
    let (state, outlook, failed) = match far {
        Far::Looking => ("looking", None, String::new()),
        Far::Shown(outlook) => ("shown", Some(outlook.clone()), String::new()),
        Far::Taking => ("taking", None, String::new()),
        Far::Done(outlook) => ("done", Some(outlook.clone()), String::new()),
        Far::Failed(words) => ("failed", None, words.clone()),
        Far::Interrupted => ("failed", None, site.text(visit, "import-interrupted")),
    };
    let own = own! {
        id => register.id,
        title => text_in(&register.title, visit.language.id()),
        name => job.job.name,
        size => size(job.job.size.unsigned_abs()),
        state,
        outlook => outlook.map(|outlook| *outlook).unwrap_or_default(),
        failed,
        error,
        errors => job.errors.exists().then(|| format!("/registry/{}/import/{}/errors.xlsx", register.id, job.job.id)),
    };
    site.render(visit, "registry", "registry/import-job.html", own)
}

/// Bytes as people read them.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..=1023 => format!("{bytes} B"),
        1024..=1_048_575 => format!("{} KB", bytes.div_ceil(1024)),
        _ => format!("{} MB", figures::decimals(bytes as f64 / 1_048_576.0, 1)),
    }
}

/// Takes what was shown.
pub async fn take(
    site: Shared,
    visit: Visit,
    Part((id, job)): Part<(String, String)>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let (register_id, register) = writable(&site, &id)?;
    let job = find(&site, (register_id, register), &job).await?;
    let Some(reason) = sent.reason() else {
        let far = jobs::far(&site.store, &job.job.id).await?;
        let page = show(&site, &visit, register, &job, &far, &site.text(&visit, "reason-needed"))?;
        return Ok(with_status(page, StatusCode::UNPROCESSABLE_ENTITY));
    };
    // Of several that ask at once, also at other processes, one takes it.
    if let Far::Shown(shown) = jobs::far(&site.store, &job.job.id).await?
        && job.tell(&site.store, "shown", &Far::Taking).await?
    {
        tokio::spawn(work(site.clone(), job.clone(), Some((reason, shown))));
    }
    jobs::far(&site.store, &job.job.id).await?;
    Ok(Redirect::to(&visit.path).into_response())
}

/// The workbook with the refused rows.
pub async fn errors(site: Shared, Part((id, job)): Part<(String, String)>) -> Page {
    let writable = writable(&site, &id)?;
    let job = find(&site, writable, &job).await?;
    let path: PathBuf = job.errors.clone();
    let bytes = tokio::fs::read(&path).await.map_err(|_| PageError::not_found("page", "errors.xlsx"))?;
    let media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let name = format!("attachment; filename=\"{id}-errors.xlsx\"");
    Ok(([(header::CONTENT_TYPE, media.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}
