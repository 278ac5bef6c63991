//! Time and ids: the one place that asks the machine for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bangfu_policy::model::Calendar;

/// The clock that a site goes by.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds since 1970-01-01 UTC that somebody sets; none: the machine's.
    set: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// A clock that stands at a moment until [`Clock::set`] moves it; its clones move with it.
    pub fn standing(at: i64) -> Self {
        Self { set: Some(Arc::new(AtomicI64::new(at))) }
    }

    /// Moves a clock that stands. The machine's is moved by nobody.
    pub fn set(&self, to: i64) {
        if let Some(own) = &self.set {
            own.store(to, Ordering::SeqCst);
        }
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub fn now(&self) -> i64 {
        self.set.as_ref().map_or_else(now, |own| own.load(Ordering::SeqCst))
    }

    /// Today as a calendar has it, days since 1970-01-01.
    pub fn today(&self, calendar: &Calendar) -> i32 {
        calendar.day(self.now()) as i32
    }
}

/// Milliseconds since 1970-01-01 UTC.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Whether a file was last written longer ago than this.
pub(crate) fn is_older(path: &std::path::Path, than: std::time::Duration) -> bool {
    let written = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    written.is_ok_and(|written| written.elapsed().is_ok_and(|since| since > than))
}

/// An id for a run: it sorts by time.
pub(crate) fn run_id() -> String {
    let now = now();
    let (year, month, day) = bangfu_policy::arithmetic::civil(now / 86_400_000);
    let second = now / 1000 % 86_400;
    format!(
        "{year:04}{month:02}{day:02}-{:02}{:02}{:02}-{:03}-{}",
        second / 3600,
        second / 60 % 60,
        second % 60,
        now % 1000,
        std::process::id()
    )
}
