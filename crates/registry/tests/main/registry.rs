//! A registry in a folder that vanishes, with the pack of the project, and its records as text.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bangfu_policy::model::{Entity, FieldType, Pack, RegisterId, Value};
use bangfu_registry::home::Home;
use bangfu_registry::intake::{self, ImportError, Imported, MappingFile, Request, Take};
use bangfu_registry::store::divisions::Division;
use bangfu_registry::store::{Actor, Duplicates, ListQuery, RecordId, Scope};
use bangfu_registry::{packs, synth};

/// 2022-12-31, in milliseconds.
const NOW: i64 = 1_672_444_800_000;

/// Folder of the pack.
pub(crate) fn pack_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/inner-mongolia")
}

/// An open registry.
pub(crate) struct Registry {
    pub(crate) home: Home,
    folder: tempfile::TempDir,
}

/// How a file is imported.
pub(crate) struct How {
    pub(crate) take: Take,
    pub(crate) update: bool,
    pub(crate) language: &'static str,
}

impl Default for How {
    fn default() -> Self {
        Self { take: Take::All, update: false, language: "zh" }
    }
}

impl Registry {
    /// A registry with the divisions of some banners.
    pub(crate) async fn new(banners: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pack = Arc::new(packs::read(&pack_folder()).unwrap());
        let home = Home::open(&folder.path().join("data"), Arc::clone(&pack), &pack_folder()).await.unwrap();
        let kept = |code: &str| code.len() <= 4 || banners.iter().any(|banner| code.starts_with(banner));
        let divisions: Vec<Division> = synth::demo::read_divisions(&pack_folder())
            .unwrap()
            .into_iter()
            .filter(|division| kept(&division.code))
            .map(|d| Division {
                level: pack.level_of_code(&d.code).unwrap().index(),
                code: d.code,
                name: d.name,
                name_en: d.name_en,
            })
            .collect();
        let mut change =
            home.store.change(&Scope::everything(), &Actor::console("test"), "divisions", NOW).await.unwrap();
        change.divisions(&divisions).await.unwrap();
        change.commit().await.unwrap();
        Self { home, folder }
    }

    /// Writes a file beside the registry.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Imports by a mapping that the pack brings with it.
    pub(crate) async fn import(&self, mapping: &str, file: &Path, how: How) -> Imported {
        self.try_import(mapping, file, how).await.unwrap()
    }

    /// See [`Registry::import`].
    pub(crate) async fn try_import(&self, mapping: &str, file: &Path, how: How) -> Result<Imported, ImportError> {
        let mappings = packs::mappings(&pack_folder());
        let (_, path) = mappings.iter().find(|(name, _)| name == mapping).unwrap();
        let mapping = MappingFile::parse("mapping", &std::fs::read_to_string(path).unwrap()).unwrap();
        let actor = Actor::console("test");
        let request = Request {
            file,
            limits: intake::Limits::default(),
            scope: &Scope::everything(),
            expected: None,
            register: None,
            mapping: Some(&mapping),
            take: how.take,
            duplicates: if how.update { Duplicates::Update } else { Duplicates::Refuse },
            language: how.language,
            actor: &actor,
            reason: "test",
            at: NOW,
        };
        intake::import(&self.home.store, &request).await
    }

    /// Records of a register.
    pub(crate) async fn count(&self, register: &str) -> u64 {
        let id = self.home.pack.register(register).unwrap();
        self.home.store.reader(&Scope::everything()).count(id, &ListQuery::default()).await.unwrap()
    }

    /// Every unit record of a register with all that hangs on it, as text.
    pub(crate) async fn text(&self, register: &str) -> String {
        let pack = Arc::clone(&self.home.pack);
        let scope = Scope { unmask: true, ..Scope::everything() };
        let reader = self.home.store.reader(&scope);
        let id = pack.register(register).unwrap();
        let page = reader.list(id, &ListQuery { limit: 1000, ..ListQuery::default() }).await.unwrap();
        let mut text = String::new();
        let mut open: Vec<(RegisterId, RecordId, usize)> =
            page.records.iter().rev().map(|record| (id, record.id, 0)).collect();
        while let Some((register, id, depth)) = open.pop() {
            let record = reader.by_id(register, id).await.unwrap().unwrap();
            let indent = "  ".repeat(depth);
            let place = if depth == 0 { format!(" {}", record.division) } else { String::new() };
            let period = record.period.map_or(String::new(), |period| format!(" {period}"));
            text.push_str(&format!("{indent}{}{place}{period}", pack.registers[register.index()].id));
            for (field, value) in pack.registers[register.index()].fields.iter().zip(&record.values) {
                if let Some(value) = value {
                    text.push_str(&format!(" {}={}", field.id, shown(&pack, field.ty, value)));
                }
            }
            text.push('\n');
            for child in (0..pack.registers.len()).rev().map(|n| RegisterId(n as u16)) {
                if pack.registers[child.index()].parent == Entity::Register(register) {
                    let children = reader.children(child, id).await.unwrap();
                    open.extend(children.iter().rev().map(|record| (child, record.id, depth + 1)));
                }
            }
        }
        text
    }
}

fn shown(pack: &Pack, ty: FieldType, value: &Value) -> String {
    let text = bangfu_policy::value::format(value, ty, pack);
    let FieldType::Code(list) = ty else { return text };
    let code = pack.codes[list.index()].values.iter().find(|code| code.code == text).unwrap();
    format!("{text}:{}", code.label["zh"])
}
