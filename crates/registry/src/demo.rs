//! The demo registry: divisions, known facts and the synthetic population of a pack, loaded into a new data folder.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bangfu_policy::model::{Pack, RegisterId};
use bangfu_store::divisions::Division as StoredDivision;
use bangfu_store::{Actor, Duplicates, Scope, StoreError};

use crate::home::{Home, HomeError, keep_in};
use crate::synth::{Division, Generator, Manifest, SynthError, demo, spec::Spec};

/// Why there is no demo registry.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The description or its data.
    #[error(transparent)]
    Synth(#[from] SynthError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The data folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The database holds a registry.
    #[error("the database holds a registry already; drop it and make it anew, or name another one with --database")]
    NotEmpty,
    /// Generated records that the store does not take: the description is wrong.
    #[error(
        "the store refuses {count} generated records of {register}: rule {rule}, for instance {example}; correct data/demo.yaml"
    )]
    Refused {
        /// Register.
        register: String,
        /// How many.
        count: usize,
        /// Which rule.
        rule: &'static str,
        /// One of them.
        example: String,
    },
    /// The generator's thread ended early.
    #[error("the generator stopped early")]
    Stopped,
    /// A file of the data folder.
    #[error("cannot write {path}: {source}; check the data folder and its rights")]
    File {
        /// The path.
        path: String,
        /// Reason of the operating system.
        source: std::io::Error,
    },
}

/// Members of the full population of a description.
pub fn full_size(spec: &Spec) -> u64 {
    spec.quotas.iter().map(|quota| quota.members).sum()
}

/// Batches on their way from the generator to the store.
type Parcel = (RegisterId, RecordBatch);

/// Fills a data folder that holds no registry yet. The folder gets its
/// name only when it is whole, so that an interrupted start leaves nothing half-done. `people`: members in all; `database`:
/// address of an empty database of PostgreSQL that the records go into. `progress` is told units made and all units.
///
/// # Errors
/// The description does not fit, or the store refuses.
pub async fn create(
    folder: &Path,
    pack: &Arc<Pack>,
    pack_folder: &Path,
    (people, database): (Option<u64>, Option<&str>),
    now: i64,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Manifest, DemoError> {
    let failed = |source| DemoError::File { path: folder.display().to_string(), source };
    let fresh = folder.with_extension("new");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).map_err(failed)?;
    }
    let spec = demo::read_spec(pack_folder)?;
    let scale = people.map_or(1.0, |people| people as f64 / full_size(&spec).max(1) as f64);
    let listed = demo::read_divisions(pack_folder)?;
    let given = demo::read_given(pack_folder, pack)?;
    let divisions: Vec<Division> =
        listed.iter().map(|d| Division { code: d.code.clone(), name: d.name.clone() }).collect();
    if let Some(url) = database {
        keep_in(&fresh, url)?;
    }
    let home = begin(&fresh, pack, pack_folder, listed, now).await?;
    let actor = Actor::console("demo");

    let (send, mut receive) = tokio::sync::mpsc::channel::<Vec<Parcel>>(4);
    let manifest = std::thread::scope(|threads| {
        let generating = threads.spawn(|| -> Result<Manifest, SynthError> {
            let generator = Generator::new(pack, &spec, &divisions, &given, scale)?;
            let all = generator.units();
            let mut banner = String::new();
            let mut parcels: Vec<Parcel> = Vec::new();
            let manifest = generator.run(
                &mut |register, group, batch| {
                    if group != banner && !parcels.is_empty() {
                        let full = std::mem::take(&mut parcels);
                        send.blocking_send(full).map_err(|_| SynthError::Sink("the store stopped".to_owned()))?;
                    }
                    group.clone_into(&mut banner);
                    parcels.push((register, batch));
                    Ok(())
                },
                &mut |units| progress(units, all),
            )?;
            send.blocking_send(parcels).map_err(|_| SynthError::Sink("the store stopped".to_owned()))?;
            drop(send);
            Ok(manifest)
        });
        let loading: Result<(), DemoError> = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                while let Some(parcels) = receive.recv().await {
                    load(&home, &actor, parcels, now).await?;
                }
                Ok(())
            })
        });
        drop(receive);
        let manifest = generating.join().map_err(|_| DemoError::Stopped)?;
        loading?;
        Ok::<Manifest, DemoError>(manifest?)
    })?;
    let text = serde_json::to_string_pretty(&manifest).map_err(StoreError::from)?;
    std::fs::write(fresh.join("synthetic.json"), text).map_err(failed)?;
    home.store.close().await?;
    drop(home);
    if folder.exists() {
        // Only ever an empty folder: a registry in it would have been used.
        std::fs::remove_dir(folder).map_err(failed)?;
    }
    std::fs::rename(&fresh, folder).map_err(failed)?;
    Ok(manifest)
}

/// Makes an empty registry with the divisions of the pack. `database`: address of an empty database of PostgreSQL that
/// it is kept in.
///
/// # Errors
/// The pack has no divisions, the folder or the database holds a registry, or the store refuses.
pub async fn create_empty(
    folder: &Path,
    pack: &Arc<Pack>,
    pack_folder: &Path,
    database: Option<&str>,
    now: i64,
) -> Result<Home, DemoError> {
    let listed = demo::read_divisions(pack_folder)?;
    if let Some(url) = database {
        keep_in(folder, url)?;
    }
    begin(folder, pack, pack_folder, listed, now).await
}

async fn begin(
    folder: &Path,
    pack: &Arc<Pack>,
    pack_folder: &Path,
    listed: Vec<demo::ListedDivision>,
    now: i64,
) -> Result<Home, DemoError> {
    let home = Home::open(folder, Arc::clone(pack), pack_folder).await?;
    if home.store.journal_end().await?.0 > 0 {
        return Err(DemoError::NotEmpty);
    }
    let stored: Vec<StoredDivision> = listed
        .into_iter()
        .map(|d| StoredDivision {
            level: pack.level_of_code(&d.code).map_or(0, bangfu_policy::model::LevelId::index),
            code: d.code,
            name: d.name,
            name_en: d.name_en,
        })
        .collect();
    let actor = Actor::console("init");
    let mut change = home.store.change(&Scope::everything(), &actor, "divisions of the pack", now).await?;
    change.divisions(&stored).await?;
    change.commit().await?;
    Ok(home)
}

/// Loads the batches of one banner in one change, parents before children.
async fn load(home: &Home, actor: &Actor, mut parcels: Vec<Parcel>, now: i64) -> Result<(), DemoError> {
    let depth = |register: &RegisterId| home.pack.ancestors(bangfu_policy::model::Entity::Register(*register)).count();
    parcels.sort_by_key(|(register, _)| depth(register));
    let mut change = home.store.change(&Scope::everything(), actor, "synthetic population", now).await?;
    for (register, batch) in parcels {
        let report = change.load(register, &batch, Duplicates::Refuse).await?;
        if let Some(first) = report.refused.first() {
            return Err(DemoError::Refused {
                register: home.pack.registers.get(register.index()).map(|r| r.id.clone()).unwrap_or_default(),
                count: report.refused.len(),
                rule: first.rule,
                example: first.value.clone(),
            });
        }
    }
    change.commit().await?;
    Ok(())
}
