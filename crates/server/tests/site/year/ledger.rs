//! What was played, beside the registry: which notices must hang today, and how the cases must have ended.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::stage::Stage;
use crate::site::fixture::get;

/// A notice that was hung: procedure, step, division and the day.
type Posted = (String, usize, String, i64);

/// See the module.
#[derive(Default)]
pub(super) struct Ledger {
    /// Where the notice of a case hangs, and its last day.
    hangs: BTreeMap<i64, (Posted, i64)>,
    /// The name that a notice shows of a case; none: of a division.
    names: BTreeMap<i64, String>,
    /// Days on which a notice was seen.
    pub(super) seen: BTreeMap<Posted, BTreeSet<i64>>,
    /// How cases ended, by procedure.
    pub(super) ended: BTreeMap<(&'static str, &'static str), usize>,
}

impl Ledger {
    /// Notes what a notice shows of a case.
    pub(super) fn named(&mut self, case: i64, name: &str) {
        self.names.insert(case, name.to_owned());
    }

    /// Notes that notices of cases were hung today, for so many days after today.
    pub(super) fn hung(&mut self, today: i64, at: (&str, usize, &str), days: i64, cases: &BTreeSet<i64>) {
        let (procedure, step, division) = at;
        for case in cases {
            let posted = (procedure.to_owned(), step, division.to_owned(), today);
            self.hangs.insert(*case, (posted, today + days));
        }
    }

    /// Notes that a notice of these cases hangs no more.
    pub(super) fn down(&mut self, cases: &BTreeSet<i64>) {
        self.hangs.retain(|case, _| !cases.contains(case));
    }

    /// Notes how cases ended.
    pub(super) fn end(&mut self, procedure: &'static str, how: &'static str, count: usize) {
        *self.ended.entry((procedure, how)).or_default() += count;
    }

    /// Looks at the public page: what hangs is what must hang, no more and no less, with the names of its cases.
    pub(super) async fn look(&mut self, stage: &Stage) {
        let today = stage.today();
        let mut due: BTreeMap<Posted, Vec<String>> = BTreeMap::new();
        for (case, (posted, last)) in &self.hangs {
            if today <= *last {
                let names = due.entry(posted.clone()).or_default();
                names.extend(self.names.get(case).cloned());
            }
        }
        let page = get(&stage.router, "/public", "lang=en").await.text;
        let links = Regex::new(r#"href="(/public/notices/([a-z_]+)\.(\d+)\.(\d+)\.(\d+))"#).unwrap();
        let found: BTreeMap<Posted, String> = links
            .captures_iter(&page)
            .map(|link| {
                let posted =
                    (link[2].to_owned(), link[3].parse().unwrap(), link[4].to_owned(), link[5].parse().unwrap());
                (posted, link[1].to_owned())
            })
            .collect();
        assert!(found.keys().eq(due.keys()), "day {today}: {found:#?} and not {:#?}", due.keys());
        // The head of the household is named last.
        let cells = Regex::new(r"<td>([^<]*)</td></tr>").unwrap();
        for (posted, mut names) in due {
            let text = get(&stage.router, &found[&posted], "lang=en").await.text;
            let mut shown: Vec<String> = cells.captures_iter(&text).map(|cell| cell[1].to_owned()).collect();
            names.sort();
            shown.sort();
            assert_eq!(names, shown, "day {today}: {posted:?}");
            self.seen.entry(posted).or_default().insert(today);
        }
    }

    /// Lets the days pass until noon of `day`; the public page is looked at on each.
    pub(super) async fn until(&mut self, stage: &Stage, day: i64) {
        self.look(stage).await;
        for dawn in stage.today() + 1..=day {
            stage.dawn(dawn);
            self.look(stage).await;
        }
    }
}
