//! Where the year is played: a village whose people are as they stood at the end of 2016, a site with a clock that the
//! play moves, and Chromium.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use bangfu_policy::arithmetic::day_number;
use bangfu_policy::model::{Pack, StepKind, Value, VariableId};
use bangfu_registry::access::demo;
use bangfu_registry::home::Home;
use bangfu_registry::store::{Actor, ListQuery, Record, Scope};
use bangfu_registry::synth::spec::{Quota, RecordRule, Spec};
use bangfu_registry::views::results::{Answer, Results};
use bangfu_registry::{determine, packs, synth};
use bangfu_server::site::{self, Clock, Site, Sources};

use crate::site::browser::Driver;
use crate::site::fixture::{pack_folder, people, store};

/// The banner; what it is called on pages.
pub(super) const BANNER: &str = "150421";
/// The village.
pub(super) const VILLAGE: &str = "150421100200";
/// Households of the village by what they are in the description of the demo.
const PEOPLE: [(&str, u64, u64); 3] = [("general", 640, 1_881), ("exit_2016", 40, 108), ("exit_2018", 160, 432)];
/// The day that facts are of.
const YESTERDAY: &str = "2016-12-31";
/// Noon in Beijing, after midnight UTC: the same day by both.
const NOON: i64 = 4 * 3_600_000;
const DAY: i64 = 86_400_000;

/// Days since 1970-01-01 of a day of the year that is played.
pub(super) fn day(month: i64, day: i64) -> i64 {
    day_number(2017, month, day)
}

/// See the module.
pub(super) struct Stage {
    pub(super) home: Home,
    pub(super) clock: Clock,
    pub(super) router: Router,
    /// Address of the site.
    pub(super) base: String,
    pub(super) driver: Driver,
    results: Arc<Results>,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// Everything as it is on the first of January, with the results of the day before.
    pub(super) async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pack = Arc::new(packs::read(&pack_folder()).unwrap());
        let store = store(folder.path(), &pack).await;
        let home =
            Home { folder: folder.path().to_owned(), pack: Arc::clone(&pack), pack_folder: pack_folder(), store };
        settle(&home, &pack).await;
        let clock = Clock::standing(day(1, 1) * DAY + NOON);
        demo::make(&home.store, clock.now()).await.unwrap();
        // The clerk helps some households beside; the approver signs for the leading group of the banner.
        let mut change = home.store.change(&Scope::nothing(), &Actor::console("test"), "test", 0).await.unwrap();
        change.give_role("village_clerk", "helper", VILLAGE).await.unwrap();
        change.give_role("banner_approver", "leading_group_banner", BANNER).await.unwrap();
        change.commit().await.unwrap();
        determined(&home, "start", day(1, 1) - 1, clock.now()).await;
        let site = site_of(&home, "start", &clock).await;
        let results = site.ran.results.clone().unwrap();
        let router = site::router(site).unwrap();
        let base = serve(router.clone()).await;
        Self { home, clock, router, base, driver: Driver::start(), results, _folder: folder }
    }

    /// Moves the clock to noon of a day.
    pub(super) fn dawn(&self, day: i64) {
        self.clock.set(day * DAY + NOON);
    }

    /// The day of the clock.
    pub(super) fn today(&self) -> i64 {
        self.clock.now().div_euclid(DAY)
    }

    /// All records of a register in the village.
    pub(super) async fn records(&self, register: &str) -> Vec<Record> {
        let id = self.home.pack.register(register).unwrap();
        let query = ListQuery { limit: 20_000, ..ListQuery::default() };
        self.home.store.reader(&Scope::division(VILLAGE)).list(id, &query).await.unwrap().records
    }

    /// A field of a record as files write it; empty: nothing.
    pub(super) fn cell(&self, record: &Record, field: &str) -> String {
        let register = &self.home.pack.registers[record.register.index()];
        let at = register.fields.iter().position(|known| known.id == field).unwrap();
        let value = record.values[at].as_ref();
        value.map_or(String::new(), |value| match value {
            Value::Text(text) => text.clone(),
            other => bangfu_policy::value::format(other, register.fields[at].ty, &self.home.pack),
        })
    }

    /// The steps of a procedure that hang notices.
    pub(super) fn notices(&self, procedure: &str) -> Vec<usize> {
        let found = self.home.pack.procedures.iter().find(|known| known.id == procedure).unwrap();
        let steps = found.steps.iter().enumerate();
        steps.filter(|(_, step)| step.kind == StepKind::Notice).map(|(n, _)| n).collect()
    }

    /// Of how many the last determination says yes to a variable, in the village.
    pub(super) fn count(&self, entity: &str, variable: &str) -> usize {
        let variables = self.home.pack.variables.iter().enumerate();
        let (at, found) = variables
            .filter(|(_, known)| self.home.pack.entity_id(known.of) == entity)
            .find(|(_, known)| known.id == variable)
            .unwrap();
        let results = &self.results.entities[&found.of];
        results.with_answer(VariableId(at as u16), Answer::Yes, VILLAGE).count()
    }

    /// A site over the results of a day of the year, made now.
    pub(super) async fn determine(&mut self, day: i64) {
        determined(&self.home, "end", day, self.clock.now()).await;
        let site = site_of(&self.home, "end", &self.clock).await;
        self.results = site.ran.results.clone().unwrap();
        self.router = site::router(site).unwrap();
        self.base = serve(self.router.clone()).await;
    }
}

async fn determined(home: &Home, id: &str, as_of: i64, now: i64) {
    determine::determine(home, i32::try_from(as_of).unwrap(), &[], (id, &|| now), &mut |_, _| {}).await.unwrap();
}

async fn site_of(home: &Home, run: &str, clock: &Clock) -> Site {
    let sources = Sources {
        pack_folder: pack_folder(),
        results: Some(home.results(run)),
        snapshot: Some(home.snapshot()),
        synthetic: true,
        data: home.folder.clone(),
        fixed_day: None,
        clock: clock.clone(),
    };
    Site::open(Arc::clone(&home.pack), home.store.clone(), &sources).await.unwrap()
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// People of one village, of whom nothing is known that came later.
async fn settle(home: &Home, pack: &Arc<Pack>) {
    let folder: &Path = &home.pack_folder;
    let mut spec = synth::demo::read_spec(folder).unwrap();
    let quota = |(stratum, units, members): (&str, u64, u64)| Quota {
        division: BANNER.to_owned(),
        stratum: stratum.to_owned(),
        units,
        members,
    };
    spec.quotas = PEOPLE.into_iter().map(quota).collect();
    // The year is played, not found: nobody has erred, left or been watched yet.
    spec.errors.clear();
    forget(&mut spec);
    let mut given = synth::demo::read_given(folder, pack).unwrap();
    for known in given.values_mut() {
        known.retain(|(_, field, _)| field != "exit_date");
    }
    // A drought year: most of those who are not registered earn less than the line.
    let income = spec.registers.iter_mut().find(|rules| rules.register == "income").unwrap();
    for rule in &mut income.rules {
        let general = rule.when.as_ref().is_some_and(|when| when.get("stratum") == Some(&serde_json::json!("general")));
        if let Some(drawn) = rule.lognormal.as_mut().filter(|_| general) {
            drawn.median *= 0.4;
        }
    }
    let kept = |code: &str| VILLAGE.starts_with(code);
    people(&home.store, pack, (&kept, &spec, &given), 1.0).await;
}

/// Takes what happens after the last day out of the labels.
fn forget(spec: &mut Spec) {
    let labels = spec.registers.iter_mut().find(|rules| rules.register == "label").unwrap();
    let records = labels.records.as_mut().unwrap();
    let kind = |record: &RecordRule| -> String {
        let set = record.rules.iter().find(|rule| rule.set == "kind");
        set.and_then(|rule| rule.value.as_ref()?.as_str()).unwrap_or_default().to_owned()
    };
    records.retain(|record| !kind(record).starts_with("monitored"));
    for record in records.iter_mut() {
        if kind(record) == "exited" {
            record.when = Some([("stratum".to_owned(), serde_json::json!("exit_2016"))].into());
        }
        let later = |value: &Option<serde_json::Value>| {
            value
                .as_ref()
                .and_then(|value| value.as_str())
                .is_some_and(|text| text.starts_with("20") && text > YESTERDAY)
        };
        record.rules.retain(|rule| !later(&rule.value));
    }
}
