//! Where the rows of a register come from – files of a folder, or batches in memory – and how they become columns.
//!
//! Every (piece, column) is decoded on its own, so that all cores have work whatever the layout of the files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef};
use bangfu_policy::model::{Entity, LevelId, Pack, Register, RegisterId};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use rayon::prelude::*;

use super::SnapshotError;
use super::columns::{Growing, Kind, Texts};
use super::convert::{Bad, Target, push, push_texts};
use crate::needs::Needs;

/// Rows that are decoded at once.
const BATCH: usize = 65_536;

/// A part of a register's rows.
enum Piece {
    /// A row group of a file.
    Group { path: Arc<PathBuf>, metadata: ArrowReaderMetadata, group: usize, first_row: usize },
    /// Rows in memory.
    Batch(RecordBatch),
}

/// A technical or own column of a register.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Wanted {
    Owner,
    Key,
    Period,
    Field(u16),
}

/// One register: its pieces.
struct Source {
    register: RegisterId,
    pieces: Vec<Piece>,
    /// Divisions whose rows are meant, when the files hold others too.
    only: Option<Vec<String>>,
}

/// Everything that is to be read.
pub(super) struct Sources {
    registers: Vec<Source>,
    /// Codes of `division.parquet`, if there is one.
    pub(super) divisions: Option<Vec<String>>,
}

/// The columns of a register as they stand in the files.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) rows: usize,
    pub(super) owner: Texts,
    pub(super) key: Option<Texts>,
    pub(super) period: Option<Growing>,
    pub(super) fields: BTreeMap<u16, Growing>,
    /// Columns that no file has.
    pub(super) absent: Vec<u16>,
    pub(super) bad: Vec<(String, u64, String)>,
    /// Divisions whose rows are meant, when the files hold others too.
    pub(super) only: Option<Vec<String>>,
    /// First row and name of every piece.
    places: Vec<(usize, String, usize)>,
}

impl Loaded {
    /// Whether a row is of a division that is not meant.
    pub(super) fn elsewhere(&self, row: usize) -> bool {
        let Some(only) = &self.only else { return false };
        let owner = self.owner.get(row).unwrap_or_default();
        !only.iter().any(|part| owner.starts_with(part.as_str()))
    }

    /// File and row (from 1) of a row.
    pub(super) fn place(&self, row: usize) -> String {
        let at = self.places.partition_point(|(start, ..)| *start <= row).checked_sub(1);
        match at.and_then(|at| self.places.get(at)) {
            Some((start, name, first)) => format!("{name}, row {}", row - start + first + 1),
            None => format!("row {}", row + 1),
        }
    }
}

enum Decoded {
    Texts(Texts),
    Numbers(Growing),
    Absent,
}

impl Sources {
    /// The files of a folder; with `parts` only files with these stems, and of the shared registers the rows of these
    /// divisions.
    pub(super) fn of_folder(
        folder: &Path,
        pack: &Pack,
        needs: &Needs,
        parts: Option<(&[String], &[RegisterId])>,
    ) -> Result<Self, SnapshotError> {
        if !folder.is_dir() {
            return Err(SnapshotError::NoFolder(folder.to_owned()));
        }
        let mut registers = Vec::new();
        let mut found = false;
        for (index, register) in pack.registers.iter().enumerate() {
            let id = RegisterId(index as u16);
            let paths = register_files(folder, &register.id)?;
            found |= !paths.is_empty();
            if !needed(needs, id) {
                continue;
            }
            let shared = parts.filter(|(_, shared)| shared.contains(&id)).map(|(parts, _)| parts);
            let own = |path: &PathBuf| shared.is_some() || parts.is_none_or(|(parts, _)| named(parts, path));
            let paths: Vec<_> = paths.into_iter().filter(own).collect();
            let pieces: Vec<Vec<Piece>> =
                paths.par_iter().map(|path| groups(register, path)).collect::<Result<_, _>>()?;
            registers.push(Source {
                register: id,
                pieces: pieces.into_iter().flatten().collect(),
                only: shared.map(<[String]>::to_vec),
            });
        }
        if !found {
            let names = pack.registers.iter().take(3).map(|r| format!("{}.parquet", r.id));
            let expected = names.collect::<Vec<_>>().join(", ");
            return Err(SnapshotError::Empty { folder: folder.to_owned(), expected });
        }
        let path = folder.join("division.parquet");
        let divisions = if path.is_file() { Some(division_codes(&path, parts.map(|(parts, _)| parts))?) } else { None };
        Ok(Self { registers, divisions })
    }

    /// Rows in memory.
    pub(super) fn of_batches(pack: &Pack, batches: &HashMap<RegisterId, Vec<RecordBatch>>, needs: &Needs) -> Self {
        let all = (0..pack.registers.len()).map(|index| RegisterId(index as u16)).filter(|id| needed(needs, *id));
        let registers = all.map(|register| {
            let pieces = batches.get(&register).into_iter().flatten().cloned().map(Piece::Batch).collect();
            Source { register, pieces, only: None }
        });
        Self { registers: registers.collect(), divisions: None }
    }

    /// Decodes all needed columns.
    pub(super) fn load(&self, pack: &Pack, needs: &Needs) -> Result<HashMap<RegisterId, Loaded>, SnapshotError> {
        let mut tasks = Vec::new();
        for (source_index, source) in self.registers.iter().enumerate() {
            let Some(register) = pack.registers.get(source.register.index()) else { continue };
            for wanted in wanted_columns(register, source.register, needs) {
                for piece in 0..source.pieces.len() {
                    tasks.push((source_index, wanted, piece));
                }
            }
        }
        let decoded: Vec<(Decoded, Bad)> = tasks
            .par_iter()
            .map(|(source, wanted, piece)| {
                let Some(source) = self.registers.get(*source) else { return Ok((Decoded::Absent, Bad::default())) };
                decode(pack, source, *wanted, *piece)
            })
            .collect::<Result<_, _>>()?;
        let mut by_column: BTreeMap<(usize, Wanted), Vec<(Decoded, Bad)>> = BTreeMap::new();
        for ((source, wanted, _), result) in tasks.into_iter().zip(decoded) {
            by_column.entry((source, wanted)).or_default().push(result);
        }
        let mut loaded: HashMap<RegisterId, Loaded> = HashMap::new();
        for source in &self.registers {
            let mut register = Loaded { only: source.only.clone(), ..Loaded::default() };
            for piece in &source.pieces {
                let (name, first) = match piece {
                    Piece::Group { path, first_row, .. } => (path.display().to_string(), *first_row),
                    Piece::Batch(_) => (String::new(), 0),
                };
                register.places.push((register.rows, name, first));
                register.rows += piece.rows();
            }
            if register.rows >= u32::MAX as usize {
                return Err(SnapshotError::TooLarge(id_of(pack, source.register)));
            }
            loaded.insert(source.register, register);
        }
        let joined: Vec<_> = by_column
            .into_par_iter()
            .filter_map(|((source_index, wanted), pieces)| {
                let source = self.registers.get(source_index)?;
                Some((source.register, wanted, join(pack, source, wanted, pieces)))
            })
            .collect();
        for (id, wanted, column) in joined {
            let Some(definition) = pack.registers.get(id.index()) else { continue };
            if let Some(register) = loaded.get_mut(&id) {
                keep(definition, wanted, column, register);
            }
        }
        // Registers without any file still have their needed columns: missing in every row.
        for source in &self.registers {
            let Some(definition) = pack.registers.get(source.register.index()) else { continue };
            let Some(register) = loaded.get_mut(&source.register) else { continue };
            for wanted in wanted_columns(definition, source.register, needs) {
                if let Wanted::Field(field) = wanted
                    && !register.fields.contains_key(&field)
                {
                    let kind = kind_of(pack, definition, field);
                    register.fields.insert(field, Growing::missing(kind, register.rows));
                }
            }
        }
        Ok(loaded)
    }
}

/// The pieces of a column, put together.
struct Joined {
    texts: Texts,
    numbers: Option<Growing>,
    bad: Bad,
    absent: bool,
}

fn join(pack: &Pack, source: &Source, wanted: Wanted, pieces: Vec<(Decoded, Bad)>) -> Joined {
    let absent = pieces.iter().all(|(decoded, _)| matches!(decoded, Decoded::Absent));
    let mut joined = Joined { texts: Texts::default(), numbers: None, bad: Bad::default(), absent };
    let definition = pack.registers.get(source.register.index());
    let mut start = 0;
    for ((decoded, found), piece) in pieces.into_iter().zip(&source.pieces) {
        joined.bad.extend(found, start);
        start += piece.rows();
        let grown = match decoded {
            Decoded::Texts(part) => {
                if joined.texts.len() == 0 {
                    joined.texts = part;
                } else {
                    joined.texts.extend(&part);
                }
                continue;
            }
            Decoded::Numbers(grown) => grown,
            Decoded::Absent => {
                let (Wanted::Field(field), Some(definition)) = (wanted, definition) else { continue };
                Growing::missing(kind_of(pack, definition, field), piece.rows())
            }
        };
        match &mut joined.numbers {
            Some(numbers) => numbers.extend(grown),
            None => joined.numbers = Some(grown),
        }
    }
    joined
}

fn keep(definition: &Register, wanted: Wanted, column: Joined, register: &mut Loaded) {
    if let Some((row, sample)) = column.bad.first {
        let place = format!("{}: {sample:?}", register.place(row));
        register.bad.push((column_name(definition, wanted), column.bad.count, place));
    }
    match (wanted, column.numbers) {
        (Wanted::Owner, _) => register.owner = column.texts,
        (Wanted::Key, _) => register.key = Some(column.texts),
        (Wanted::Period, numbers) => register.period = numbers,
        (Wanted::Field(field), Some(numbers)) => {
            register.fields.insert(field, numbers);
            if column.absent {
                register.absent.push(field);
            }
        }
        (Wanted::Field(_), None) => {}
    }
}

impl Piece {
    fn rows(&self) -> usize {
        match self {
            Self::Group { metadata, group, .. } => {
                let groups = metadata.metadata().row_groups();
                groups.get(*group).map_or(0, |group| group.num_rows().max(0) as usize)
            }
            Self::Batch(batch) => batch.num_rows(),
        }
    }

    fn schema(&self) -> SchemaRef {
        match self {
            Self::Group { metadata, .. } => metadata.schema().clone(),
            Self::Batch(batch) => batch.schema(),
        }
    }

    fn name(&self, register: &str) -> String {
        match self {
            Self::Group { path, .. } => path.display().to_string(),
            Self::Batch(_) => register.to_owned(),
        }
    }
}

fn id_of(pack: &Pack, register: RegisterId) -> String {
    pack.registers.get(register.index()).map(|register| register.id.clone()).unwrap_or_default()
}

fn kind_of(pack: &Pack, register: &Register, field: u16) -> Kind {
    register.fields.get(field as usize).map_or(Kind::Number, |field| Target::of(pack, field.ty, None).kind())
}

fn column_name(register: &Register, wanted: Wanted) -> String {
    let columns = &register.columns;
    match wanted {
        Wanted::Owner => columns.parent.clone().or_else(|| columns.division.clone()),
        Wanted::Key => columns.key.clone(),
        Wanted::Period => columns.period.clone(),
        Wanted::Field(field) => register.fields.get(field as usize).map(|field| field.id.clone()),
    }
    .unwrap_or_default()
}

fn needed(needs: &Needs, register: RegisterId) -> bool {
    needs.entities.contains(&Entity::Register(register))
        || needs.fields.iter().any(|(field, _)| field.register == register)
}

fn wanted_columns(register: &Register, id: RegisterId, needs: &Needs) -> Vec<Wanted> {
    let mut wanted = vec![Wanted::Owner];
    if register.key.is_some() && register.columns.key.is_some() {
        wanted.push(Wanted::Key);
    }
    if register.columns.period.is_some() {
        wanted.push(Wanted::Period);
    }
    let fields: BTreeSet<u16> =
        needs.fields.iter().filter(|(field, _)| field.register == id).map(|(field, _)| field.field).collect();
    wanted.extend(fields.into_iter().map(Wanted::Field));
    wanted
}

/// `<id>.parquet`, or the files of the folder `<id>` in the order of their names.
fn register_files(folder: &Path, id: &str) -> Result<Vec<PathBuf>, SnapshotError> {
    let single = folder.join(format!("{id}.parquet"));
    if single.is_file() {
        return Ok(vec![single]);
    }
    let below = folder.join(id);
    if !below.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |source| SnapshotError::File { path: below.clone(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&below).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn named(parts: &[String], path: &Path) -> bool {
    parts.iter().any(|part| stem(path) == part)
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
}

/// How a snapshot falls into parts.
pub(super) struct Layout {
    /// The level of the divisions that files are named by.
    pub(super) level: LevelId,
    /// Rows of the largest register, by part.
    pub(super) rows: BTreeMap<String, u64>,
    /// Registers that are not laid out so; they are small, and read with every part.
    pub(super) shared: Vec<RegisterId>,
}

/// The parts of a snapshot whose files are named by divisions of one level. `None` when it is laid out otherwise.
pub(super) fn layout(folder: &Path, pack: &Pack) -> Result<Option<Layout>, SnapshotError> {
    if !folder.is_dir() {
        return Err(SnapshotError::NoFolder(folder.to_owned()));
    }
    let mut found = Vec::new();
    for (index, register) in pack.registers.iter().enumerate() {
        let paths = register_files(folder, &register.id)?;
        let of_file = |path: &PathBuf| {
            pack.level_of_code(stem(path)).filter(|_| stem(path).bytes().all(|byte| byte.is_ascii_digit()))
        };
        let own = paths.first().and_then(of_file).filter(|own| paths.iter().all(|path| of_file(path) == Some(*own)));
        found.push((index, paths, own));
    }
    // Small registers lie in one file of the whole; the parts are those of the large ones.
    let Some(level) = found.iter().filter_map(|(.., own)| *own).max() else { return Ok(None) };
    let mut rows: BTreeMap<String, u64> = BTreeMap::new();
    let mut shared = Vec::new();
    for (index, paths, own) in found {
        match own {
            _ if paths.is_empty() => {}
            Some(own) if own == level => {
                for path in paths {
                    let failed = |source| SnapshotError::Parquet { path: path.clone(), source };
                    let metadata =
                        ArrowReaderMetadata::load(&open(&path)?, ArrowReaderOptions::new()).map_err(failed)?;
                    let count = metadata.metadata().file_metadata().num_rows().unsigned_abs();
                    let most = rows.entry(stem(&path).to_owned()).or_default();
                    *most = count.max(*most);
                }
            }
            _ => shared.push(RegisterId(index as u16)),
        }
    }
    // Divisions without any file are parts without rows.
    let path = folder.join("division.parquet");
    if path.is_file() {
        for code in division_codes(&path, None)?.into_iter().filter(|code| pack.level_of_code(code) == Some(level)) {
            rows.entry(code).or_default();
        }
    }
    Ok(Some(Layout { level, rows, shared }))
}

fn open(path: &Path) -> Result<File, SnapshotError> {
    File::open(path).map_err(|source| SnapshotError::File { path: path.to_owned(), source })
}

/// The row groups of a file; texts that become numbers are read as dictionaries, each distinct text once.
fn groups(register: &Register, path: &Path) -> Result<Vec<Piece>, SnapshotError> {
    let file = open(path)?;
    let failed = |source| SnapshotError::Parquet { path: path.to_owned(), source };
    let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(failed)?;
    let fields = plain.schema().fields().iter().map(|field| {
        let own = register.fields.iter().any(|own| own.id == *field.name());
        let key = register.columns.key.as_ref() == Some(field.name());
        let text = matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        if own && text && !key {
            let ty = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(ArrowField::new(field.name(), ty, field.is_nullable()).with_metadata(field.metadata().clone()))
        } else {
            field.clone()
        }
    });
    let wished = Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), plain.schema().metadata().clone()));
    let options = ArrowReaderOptions::new().with_schema(wished);
    // A file whose types cannot be asked for as dictionaries is read as it is.
    let metadata = ArrowReaderMetadata::try_new(plain.metadata().clone(), options).unwrap_or(plain);
    let path = Arc::new(path.to_owned());
    let mut first_row = 0;
    let groups = metadata.metadata().row_groups().iter().enumerate().map(|(group, rows)| {
        let piece = Piece::Group { path: path.clone(), metadata: metadata.clone(), group, first_row };
        first_row += rows.num_rows().max(0) as usize;
        piece
    });
    Ok(groups.collect())
}

fn decode(pack: &Pack, source: &Source, wanted: Wanted, piece: usize) -> Result<(Decoded, Bad), SnapshotError> {
    let none = (Decoded::Absent, Bad::default());
    let Some(register) = pack.registers.get(source.register.index()) else { return Ok(none) };
    let Some(piece) = source.pieces.get(piece) else { return Ok(none) };
    let name = column_name(register, wanted);
    let schema = piece.schema();
    let Ok(index) = schema.index_of(&name) else {
        if matches!(wanted, Wanted::Field(_)) {
            return Ok(none);
        }
        return Err(SnapshotError::NoColumn {
            place: piece.name(&register.id),
            register: register.id.clone(),
            column: name,
        });
    };
    let column = schema.field(index);
    let written = column.metadata().get("scale").and_then(|scale| scale.parse().ok());
    let target = match wanted {
        Wanted::Field(field) => match register.fields.get(field as usize) {
            Some(field) => Target::of(pack, field.ty, written),
            None => return Ok(none),
        },
        Wanted::Period => Target::Integer,
        Wanted::Owner | Wanted::Key => Target::Text,
    };
    let wrong = || SnapshotError::ColumnType {
        place: piece.name(&register.id),
        column: name.clone(),
        found: column.data_type().to_string(),
        expected: target.expected(),
    };
    let mut bad = Bad::default();
    let mut scratch = Vec::new();
    let mut texts = Texts::default();
    let mut numbers = Growing::new(target.kind());
    let technical = matches!(wanted, Wanted::Owner | Wanted::Key);
    let mut take = |array: &ArrayRef| {
        if technical {
            push_texts(&mut texts, array).map_err(|_| wrong())
        } else {
            let start = numbers.len();
            push(&mut numbers, array, &target, &mut scratch, &mut bad, start).map_err(|_| wrong())
        }
    };
    match piece {
        Piece::Batch(batch) => take(batch.column(index))?,
        Piece::Group { path, metadata, group, .. } => {
            let failed = |source| SnapshotError::Parquet { path: path.to_path_buf(), source };
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(open(path)?, metadata.clone());
            let mask = ProjectionMask::roots(metadata.parquet_schema(), [index]);
            let reader = builder
                .with_projection(mask)
                .with_row_groups(vec![*group])
                .with_batch_size(BATCH)
                .build()
                .map_err(failed)?;
            for batch in reader {
                let batch = batch.map_err(|error| SnapshotError::Parquet {
                    path: path.to_path_buf(),
                    source: parquet::errors::ParquetError::from(error),
                })?;
                take(batch.column(0))?;
            }
        }
    }
    Ok((if technical { Decoded::Texts(texts) } else { Decoded::Numbers(numbers) }, bad))
}

/// Codes of `division.parquet`; for a part those above, below and equal.
fn division_codes(path: &Path, parts: Option<&[String]>) -> Result<Vec<String>, SnapshotError> {
    let failed = |source| SnapshotError::Parquet { path: path.to_owned(), source };
    let builder = ParquetRecordBatchReaderBuilder::try_new(open(path)?).map_err(failed)?;
    let Ok(index) = builder.schema().index_of("code") else {
        return Err(SnapshotError::NoColumn {
            place: path.display().to_string(),
            register: "division".to_owned(),
            column: "code".to_owned(),
        });
    };
    let found = builder.schema().field(index).data_type().to_string();
    let mask = ProjectionMask::roots(builder.parquet_schema(), [index]);
    let mut texts = Texts::default();
    for batch in builder.with_projection(mask).build().map_err(failed)? {
        let batch = batch.map_err(|error| failed(parquet::errors::ParquetError::from(error)))?;
        push_texts(&mut texts, batch.column(0)).map_err(|_| SnapshotError::ColumnType {
            place: path.display().to_string(),
            column: "code".to_owned(),
            found: found.clone(),
            expected: "a string column".to_owned(),
        })?;
    }
    let codes = (0..texts.len()).filter_map(|row| texts.get(row));
    let of_part = |code: &str, part: &String| code.starts_with(part) || part.starts_with(code);
    let codes = codes.filter(|code| parts.is_none_or(|parts| parts.iter().any(|part| of_part(code, part))));
    Ok(codes.map(str::to_owned).collect())
}
