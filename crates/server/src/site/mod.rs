//! The site: pages over a pack, its registry and the results of the last run.
//!
//! Pages are made here from the view models of `bangfu_registry::views`; no rule and no name of a policy stands in
//! this crate. Whoever asks is found by `access`, which also says who may ask what; every handler gets the site as its
//! visitor sees it.

pub mod access;
pub mod api;
pub mod assets;
pub mod download;
pub mod edge;
pub mod error;
pub mod guard;
pub mod jobs;
pub mod looks;
#[cfg(feature = "oidc")]
pub mod oidc;
pub mod own;
pub mod pages;
pub mod routes;
pub mod run;
pub mod templates;
pub mod texts;
pub mod upload;
pub mod visit;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::response::{Html, IntoResponse, Response};
use bangfu_policy::model::Pack;
use bangfu_registry::access::Who;
use bangfu_registry::packs::{self, Locale, PackError};
use bangfu_registry::store::{Actor, Scope, Store};
use bangfu_registry::views::books::Counting;
use bangfu_registry::views::facts::Facts;
use bangfu_registry::views::figures::{self, Language};
use bangfu_registry::views::live::Live;
use bangfu_registry::views::map::{self, Boundary};
use bangfu_registry::views::places::Places;
use bangfu_registry::views::results::Results;
use bangfu_registry::views::snapshot::Snapshot;
use bangfu_rules::snapshot::SnapshotError;
use minijinja::{Environment, Value, context};
use tokio::net::TcpListener;

pub use crate::clock::Clock;
use error::PageError;
use run::Ran;
use visit::Visit;

/// What a site is made of.
pub struct Site {
    /// The policy.
    pub pack: Arc<Pack>,
    /// The registry; pages read it through [`Shared::facts`].
    pub store: Store,
    /// All divisions.
    pub places: Places,
    /// Boundaries for the map; none: the overview has tables only.
    pub boundaries: Vec<Boundary>,
    /// Words that the pack brings for its languages.
    pub locales: Vec<Locale>,
    /// The run that is shown first.
    pub ran: Ran,
    /// Whether the people are invented; said at the foot of every page.
    pub synthetic: bool,
    /// The data folder, where files of records and imports lie.
    pub data: PathBuf,
    /// The day that is today for tests; none: that of the clock.
    pub fixed_day: Option<i32>,
    /// What time it is for sessions, cases, notices and the journal.
    pub clock: Clock,
    /// Another provider at which people sign in, if there is one.
    #[cfg(feature = "oidc")]
    pub provider: Option<oidc::Provider>,
}

/// Where a site finds what it shows.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The data folder, where files of records and imports lie.
    pub data: PathBuf,
    /// Folder of the pack, whose `data/*.geojson` are the boundaries.
    pub pack_folder: PathBuf,
    /// Folder of the last run's results; none: no run yet.
    pub results: Option<PathBuf>,
    /// Folder of the snapshot that the run was made from.
    pub snapshot: Option<PathBuf>,
    /// Whether the people are invented.
    pub synthetic: bool,
    /// The day that is today for tests, days since 1970-01-01; none: that of the clock.
    pub fixed_day: Option<i32>,
    /// The clock: the machine's, if nothing is said.
    pub clock: Clock,
}

impl Site {
    /// Reads divisions, boundaries, results and snapshot.
    ///
    /// # Errors
    /// A file or the store cannot be read.
    pub async fn open(pack: Arc<Pack>, store: Store, sources: &Sources) -> Result<Self, SiteError> {
        let divisions = store.reader(&Scope::everything()).divisions().await?;
        let rows = divisions.into_iter().map(|division| (division.code, division.name, division.name_en));
        let places = Places::new(&pack, rows);
        let ran = Ran::read(&pack, sources.results.as_deref(), sources.snapshot.as_deref())?;
        Ok(Self {
            boundaries: boundaries(&sources.pack_folder)?,
            data: sources.data.clone(),
            locales: packs::locales(&sources.pack_folder)?,
            store,
            ran,
            places,
            pack,
            synthetic: sources.synthetic,
            fixed_day: sources.fixed_day,
            clock: sources.clock.clone(),
            #[cfg(feature = "oidc")]
            provider: None,
        })
    }

    /// Records within a scope.
    pub fn facts(&self, scope: &Scope) -> Facts {
        Facts::new(self.store.clone(), scope)
    }

    /// Today, as the policy's calendar has it, days since 1970-01-01.
    pub fn today(&self) -> i32 {
        self.fixed_day.unwrap_or_else(|| self.clock.today(&self.pack.calendar))
    }

    /// What people call the other provider at which they sign in, if there is one.
    pub fn provider_name(&self) -> Option<&str> {
        #[cfg(feature = "oidc")]
        let name = self.provider.as_ref().map(|provider| provider.name.as_str());
        #[cfg(not(feature = "oidc"))]
        let name = None;
        name
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub fn now(&self) -> i64 {
        self.clock.now()
    }
}

/// All boundaries below `data/` of a pack.
fn boundaries(pack_folder: &Path) -> Result<Vec<Boundary>, SiteError> {
    let Ok(entries) = std::fs::read_dir(pack_folder.join("data")) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    let mut all = Vec::new();
    for path in paths.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "geojson")) {
        let wrong = |message: String| SiteError::Boundaries { path: path.display().to_string(), message };
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        all.extend(map::boundaries(&text).map_err(|error| wrong(error.to_string()))?);
    }
    Ok(all)
}

/// A site with everything that its pages share, in memory, as one visitor sees it.
#[derive(Clone)]
pub struct Shared {
    inner: Arc<Inner>,
    /// Results of the last run, if there was one.
    pub results: Option<Arc<Results>>,
    /// The snapshot of that run, for explanations and what-if.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Records within the visitor's scope.
    pub facts: Facts,
    /// The visitor.
    pub who: Arc<Who>,
}

/// See [`Shared`].
pub struct Inner {
    site: Site,
    /// Words.
    pub texts: Arc<texts::Texts>,
    /// Style and scripts.
    pub assets: Arc<assets::Assets>,
    /// Who sent public forms lately.
    pub senders: pages::public::Senders,
    /// Who looked at what, until it is written.
    pub looks: looks::Looks,
    /// The last run, which whoever comes next sees.
    pub shown: run::Shown,
    templates: Environment<'static>,
}

impl std::ops::Deref for Shared {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl std::ops::Deref for Inner {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

/// A site that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A locale file.
    #[error(transparent)]
    Locale(#[from] texts::LocaleError),
    /// A file of the pack.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A template.
    #[error("a template of the site cannot be read: {0:#}")]
    Template(#[from] minijinja::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] bangfu_registry::store::StoreError),
    /// Results or snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Boundaries.
    #[error(
        "{path}: {message}; put GeoJSON polygons with the properties `code` and `parent` there, or remove the file"
    )]
    Boundaries {
        /// The file.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Serving failed.
    #[error("the server stopped: {0}")]
    Serve(#[source] std::io::Error),
}

impl Shared {
    /// Parses texts and templates around a site.
    pub fn new(mut site: Site) -> Result<Self, SiteError> {
        let texts = Arc::new(texts::Texts::load(&site.pack, &site.locales)?);
        let assets = Arc::new(assets::Assets::load());
        let templates = templates::environment(Arc::clone(&texts), Arc::clone(&assets))?;
        let (ran, pack) = (std::mem::take(&mut site.ran), Arc::clone(&site.pack));
        let shown = run::Shown::new(ran.clone());
        std::thread::spawn(move || ran.prepare(&pack));
        let senders = pages::public::Senders::default();
        let looks = looks::Looks::new(site.store.clone());
        let (facts, who) = (site.facts(&Scope::nothing()), Arc::new(Who::nobody()));
        let inner = Arc::new(Inner { site, texts, assets, senders, looks, shown, templates });
        // Nobody's site holds no run: an old one would never leave the memory.
        Ok(Self { inner, results: None, snapshot: None, facts, who })
    }

    /// The site as the program itself sees it: everything.
    pub fn whole(site: Site) -> Result<Self, SiteError> {
        let site = Self::new(site)?;
        let mut whole = site.seen_by(Arc::clone(&site.who));
        whole.facts = Facts::new(whole.store.clone(), &Scope::everything());
        Ok(whole)
    }

    /// The site as somebody sees it.
    pub fn seen_by(&self, who: Arc<Who>) -> Self {
        let Ran { results, snapshot, .. } = self.shown.now();
        Self { inner: Arc::clone(&self.inner), results, snapshot, facts: self.site.facts(&who.scope), who }
    }

    /// Who stands in the journal.
    pub fn actor(&self) -> Actor {
        self.who.actor(&self.pack)
    }

    /// Where items of the policy are looked up.
    pub fn live(&self, language: Language) -> Live<'_> {
        Live {
            pack: &self.pack,
            places: &self.places,
            facts: &self.facts,
            results: self.results.as_deref(),
            snapshot: self.snapshot.as_deref(),
            day: self.as_of(),
            language,
        }
    }

    /// The day that pages speak of: that of the last run; without one parameters are shown for today.
    pub fn as_of(&self) -> i32 {
        self.results.as_ref().map_or_else(|| self.today(), |results| results.as_of)
    }

    /// The last run in one line, for the foot of every page.
    pub fn run_line(&self, language: Language) -> Option<String> {
        let day = figures::day(self.results.as_ref()?.as_of.into(), language);
        Some(self.texts.get(language, "foot-run", &[("day", day)]))
    }

    /// A page: the layout's values and the page's own.
    pub fn render(&self, visit: &Visit, place: &str, name: &str, own: Value) -> Result<Response, PageError> {
        let template = self.templates.get_template(name)?;
        let base = visit.base(self, place);
        Ok(Html(template.render(context! { ..own, ..base })?).into_response())
    }

    /// A text of the site.
    pub fn text(&self, visit: &Visit, key: &str) -> String {
        self.texts.get(visit.language, key, &[])
    }

    /// A text about something, which stands in it as `value`.
    pub fn text_of(&self, visit: &Visit, key: &str, value: &str) -> String {
        self.texts.get(visit.language, key, &[("value", value.to_owned())])
    }
}

/// All pages of a site.
pub fn router(site: Site) -> Result<Router, SiteError> {
    let site = Shared::new(site)?;
    Ok(edge::wrap(routes::router(&site), site))
}

/// Counts all books once, so that the policy's pages know at once which of them hold something.
fn count_books(site: &Shared) {
    let site = site.seen_by(Arc::clone(&site.who));
    std::thread::spawn(move || {
        let (Some(results), Some(snapshot)) = (&site.results, &site.snapshot) else { return };
        let (pack, places) = (&site.pack, &site.places);
        let (overrides, as_of) = (results.overrides.as_slice(), results.as_of);
        let counting = Counting { pack, places, snapshot, overrides, as_of };
        for book in &pack.books {
            if let Err(error) = counting.filled(book, places.root()) {
                tracing::warn!("the book {} cannot be counted: {error}", book.id);
            }
        }
    });
}

/// Serves until the process is told to stop.
pub async fn serve(listen: SocketAddr, site: Site) -> Result<(), SiteError> {
    let site = Shared::new(site)?;
    count_books(&site);
    run::follow(site.clone());
    #[cfg(feature = "oidc")]
    oidc::greet(site.clone());
    let router = edge::wrap(routes::router(&site), site);
    let listener = TcpListener::bind(listen).await.map_err(|source| SiteError::Listen { address: listen, source })?;
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async {
            // Without a signal handler the site runs until it is killed, which it survives.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await
        .map_err(SiteError::Serve)
}
