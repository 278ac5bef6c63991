//! Cases: what they are about, how far they are, and everything that was done on them.

use bangfu_policy::model::{Entity, Pack, RegisterId, RegisterKind};
use serde::Serialize;
use serde_json::json;

use crate::database::{Row, sql};
use crate::scope::after;
use crate::{Change, Reader, StoreError};

/// How a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseState {
    /// Somebody has to act.
    Open,
    /// Completed, and what follows from it is in the registry.
    Done,
    /// Decided against.
    Refused,
    /// Taken back by those who asked for it.
    Withdrawn,
}

impl CaseState {
    /// All states with their words.
    pub const ALL: [(&'static str, Self); 4] =
        [("open", Self::Open), ("done", Self::Done), ("refused", Self::Refused), ("withdrawn", Self::Withdrawn)];

    /// The word of the state.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, state)| *state == self).map_or("", |(word, _)| word)
    }

    fn of(word: &str) -> Self {
        Self::ALL.iter().find(|(known, _)| *known == word).map_or(Self::Open, |(_, state)| *state)
    }
}

/// A case. Times are milliseconds since 1970-01-01 UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseFile {
    /// Id.
    pub id: i64,
    /// Id of the procedure.
    pub procedure: String,
    /// Id of the register or level that it is about.
    pub subject: String,
    /// The record; none for a division.
    pub record: Option<i64>,
    /// Division of the subject.
    pub division: String,
    /// Name of the subject when the case was opened.
    pub name: String,
    /// Position of the step that is to be done.
    pub step: usize,
    /// How it stands.
    pub state: CaseState,
    /// When it was opened.
    pub opened: i64,
    /// Since when it is at the step.
    pub since: i64,
    /// Since when the step's notice hangs.
    pub posted: Option<i64>,
    /// When the step is due.
    pub due: Option<i64>,
    /// Counts what was done on it.
    pub version: i64,
    /// What was proposed: facts, policy and explanation (JSON), as they were when it was submitted.
    pub proposal: String,
    /// The code with which the person concerned looks it up.
    pub code: String,
}

/// Something that was done on a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseEvent {
    /// Position of the step.
    pub step: usize,
    /// What was done.
    pub act: String,
    /// The account.
    pub account: i64,
    /// Who, in which role.
    pub actor: String,
    /// When, milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Words with it.
    pub note: String,
    /// Evidence, votes (JSON).
    pub body: String,
}

/// Which cases are wanted.
#[derive(Clone, Debug, Default)]
pub struct CaseQuery {
    /// Only of divisions that begin so.
    pub division: String,
    /// Only in this state.
    pub state: Option<CaseState>,
    /// Only of these procedures at these steps; `None`: all.
    pub steps: Option<Vec<(String, usize)>>,
    /// Only of this procedure; empty: all.
    pub procedure: String,
    /// Only those whose notice hangs.
    pub posted: bool,
    /// Only due before this moment.
    pub due_before: Option<i64>,
    /// Only about this record of a register (or division of a level, without record).
    pub subject: Option<(String, Option<i64>)>,
    /// Leaves out so many.
    pub offset: u64,
    /// At most so many.
    pub limit: u64,
}

/// A notice that was hung: of a procedure's step, for cases of a division, on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hung {
    /// Id of the procedure.
    pub procedure: String,
    /// Position of the step.
    pub step: usize,
    /// Division of the cases.
    pub division: String,
    /// Days since 1970-01-01.
    pub day: i64,
}

fn case(row: &Row) -> Result<CaseFile, sqlx::Error> {
    Ok(CaseFile {
        id: row.try_get("id")?,
        procedure: row.try_get("procedure")?,
        subject: row.try_get("subject")?,
        record: row.try_get("record")?,
        division: row.try_get("division")?,
        name: row.try_get("name")?,
        step: row.try_get::<i64, _>("step")? as usize,
        state: CaseState::of(&row.try_get::<String, _>("state")?),
        opened: row.try_get("opened")?,
        since: row.try_get("since")?,
        posted: row.try_get("posted")?,
        due: row.try_get("due")?,
        version: row.try_get("version")?,
        proposal: row.try_get("proposal")?,
        code: row.try_get("code")?,
    })
}

fn event(row: &Row) -> Result<CaseEvent, sqlx::Error> {
    Ok(CaseEvent {
        step: row.try_get::<i64, _>("step")? as usize,
        act: row.try_get("act")?,
        account: row.try_get("account")?,
        actor: row.try_get("actor")?,
        at: row.try_get("at")?,
        note: row.try_get("note")?,
        body: row.try_get("body")?,
    })
}

impl Reader {
    /// Ids of the registers and levels whose cases are seen, as one argument; none: all.
    fn subjects_seen(&self) -> Option<String> {
        let seen = self.scope.registers.as_ref()?;
        let pack = &self.store.pack;
        let registers = seen.iter().filter_map(|id| pack.registers.get(id.index())).map(|register| &register.id);
        let levels = pack.levels.iter().map(|level| &level.id);
        let ids: Vec<&String> = registers.chain(levels).collect();
        Some(serde_json::to_string(&ids).unwrap_or_default())
    }

    /// A case within the scope.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn case(&self, id: i64) -> Result<Option<CaseFile>, StoreError> {
        let text = format!(
            "select * from case_file where id = ?1 and division >= ?2 and division < ?3 and \
             (?4 is null or subject in {})",
            self.store.dialect().each("?4")
        );
        let row = sql(text)
            .bind(id)
            .bind(&self.scope.division)
            .bind(after(&self.scope.division))
            .bind(self.subjects_seen())
            .fetch_optional(&self.store.readers)
            .await?;
        Ok(row.as_ref().map(case).transpose()?)
    }

    /// The case of a code, wherever it lies.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn case_of_code(&self, code: &str) -> Result<Option<CaseFile>, StoreError> {
        let text = "select * from case_file where code = ?";
        let row = sql(text).bind(code).fetch_optional(&self.store.readers).await?;
        Ok(row.as_ref().map(case).transpose()?)
    }

    /// What was done on a case, in order.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn case_events(&self, id: i64) -> Result<Vec<CaseEvent>, StoreError> {
        let rows = sql("select * from case_event where case_file = ? order by id")
            .bind(id)
            .fetch_all(&self.store.readers)
            .await?;
        Ok(rows.iter().map(event).collect::<Result<_, _>>()?)
    }

    /// Notices that were hung since a moment in a division or below, each once for a case's division and day.
    /// `offset`: milliseconds by which the clocks are ahead of UTC.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn hung(&self, division: &str, since: i64, offset: i64) -> Result<Vec<Hung>, StoreError> {
        let Some(division) = self.scope.place(division) else { return Ok(Vec::new()) };
        let text = "select distinct f.procedure, e.step, f.division, (e.at + ?1) / 86400000 as day from case_event e \
                    join case_file f on f.id = e.case_file where e.act = 'post' and e.at >= ?2 and f.division >= ?3 \
                    and f.division < ?4";
        let rows = sql(text)
            .bind(offset)
            .bind(since)
            .bind(&division)
            .bind(after(&division))
            .fetch_all(&self.store.readers)
            .await?;
        let hung = |row: &Row| {
            let step = row.try_get::<i64, _>(1)? as usize;
            Ok(Hung { procedure: row.try_get(0)?, step, division: row.try_get(2)?, day: row.try_get(3)? })
        };
        rows.iter().map(hung).collect()
    }

    /// Cases by deadline, and how many there are.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn cases(&self, query: &CaseQuery) -> Result<(Vec<CaseFile>, u64), StoreError> {
        let Some(division) = self.scope.place(&query.division) else { return Ok((Vec::new(), 0)) };
        // Steps of procedures are words of the pack: as JSON they are one argument.
        let steps = query.steps.as_ref().map(|steps| {
            let keys: Vec<String> = steps.iter().map(|(procedure, step)| format!("{procedure}#{step}")).collect();
            serde_json::to_string(&keys).unwrap_or_default()
        });
        let (subject, record) = match &query.subject {
            Some((subject, record)) => (subject.clone(), *record),
            None => (String::new(), None),
        };
        let each = |mark| self.store.dialect().each(mark);
        let (steps_wanted, subjects_seen) = (each("?4"), each("?12"));
        let conditions = format!(
            "from case_file where division >= ?1 and division < ?2 and (?3 = '' or state = ?3) and \
             (?4 is null or procedure || '#' || step in {steps_wanted}) and \
             (?5 = '' or procedure = ?5) and (?6 is null or due < ?6) and \
             (?7 = '' or subject = ?7 and (?8 is null or record = ?8)) and (?11 = 0 or posted is not null) and \
             (?12 is null or subject in {subjects_seen})"
        );
        macro_rules! bound {
            ($text:expr) => {
                sql($text)
                    .bind(&division)
                    .bind(after(&division))
                    .bind(query.state.map_or("", CaseState::word))
                    .bind(&steps)
                    .bind(&query.procedure)
                    .bind(query.due_before)
                    .bind(&subject)
                    .bind(record)
            };
        }
        // All arguments are bound by number, also where the count does not use them.
        let ends = |limit: i64| (limit, query.offset as i64, i64::from(query.posted));
        let count = format!("select count(*), ?9, ?10 {conditions}");
        let (limit, offset, posted) = ends(0);
        let count = bound!(count)
            .bind(limit)
            .bind(offset)
            .bind(posted)
            .bind(self.subjects_seen())
            .fetch_one(&self.store.readers)
            .await?;
        let list = format!("select * {conditions} order by due is null, due, id limit ?9 offset ?10");
        let (limit, offset, posted) = ends(query.limit as i64);
        let rows = bound!(list).bind(limit).bind(offset).bind(posted).bind(self.subjects_seen());
        let rows = rows.fetch_all(&self.store.readers).await?;
        let cases = rows.iter().map(case).collect::<Result<_, _>>()?;
        Ok((cases, count.try_get::<i64, _>(0)? as u64))
    }

    /// The journal entry that last changed a record or what is attached to it: registers with one record, or one for
    /// each period.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn last_change(&self, register: RegisterId, record: i64) -> Result<i64, StoreError> {
        let text = last_change(&self.store.pack, register);
        Ok(sql(text).bind(record).fetch_one(&self.store.readers).await?.try_get(0)?)
    }
}

/// Asks for the journal entry that last changed a record or what is attached to it.
fn last_change(pack: &Pack, register: RegisterId) -> String {
    let attached = pack.registers.iter().filter(|other| {
        other.parent == Entity::Register(register) && other.kind != RegisterKind::Entity && !other.kept_by_system()
    });
    let own = pack.registers.get(register.index());
    let mut parts: Vec<String> = attached
        .map(|other| format!("select max(_changed) as c from {} where _parent = ?1", crate::schema::table(other)))
        .collect();
    parts.extend(own.map(|own| format!("select _changed as c from {} where _id = ?1", crate::schema::table(own))));
    format!("select coalesce(max(c), 0) from ({}) as parts", parts.join(" union all "))
}

impl Change {
    /// Opens a case; its id. `case.id`, `case.version` are not looked at.
    ///
    /// # Errors
    /// It lies outside the scope, an open case of the procedure is about the same subject, or the database refuses.
    pub async fn open_case(&mut self, case: &CaseFile) -> Result<i64, StoreError> {
        if !self.scope.covers(&case.division) {
            let scope = self.scope.division.clone();
            return Err(StoreError::Scope { division: case.division.clone(), scope });
        }
        let there = sql(
            "select id from case_file where procedure = ? and subject = ? and division = ? and record is not distinct from ? and state = 'open'",
        )
        .bind(&case.procedure)
        .bind(&case.subject)
        .bind(&case.division)
        .bind(case.record)
        .fetch_optional(&mut *self.connection)
        .await?;
        if let Some(row) = there {
            return Err(StoreError::CaseMoved(row.try_get(0)?));
        }
        let made = sql(
            "insert into case_file (procedure, subject, record, division, name, step, state, opened, \
             since, posted, due, version, proposal, code) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?) returning id",
        )
        .bind(&case.procedure)
        .bind(&case.subject)
        .bind(case.record)
        .bind(&case.division)
        .bind(&case.name)
        .bind(case.step as i64)
        .bind(case.state.word())
        .bind(case.opened)
        .bind(case.since)
        .bind(case.posted)
        .bind(case.due)
        .bind(&case.proposal)
        .bind(&case.code)
        .fetch_one(&mut *self.connection)
        .await?;
        let id: i64 = made.try_get(0)?;
        let body = json!({ "case": id, "procedure": case.procedure, "subject": case.subject, "record": case.record });
        self.enter("case", "@case", None, &case.division, body.to_string()).await?;
        Ok(id)
    }

    /// Writes what was done on a case and where it stands after it. `case.version` is that of the case as it was shown.
    ///
    /// # Errors
    /// Somebody acted on it meanwhile, it lies outside the scope, or the database refuses.
    pub async fn move_case(&mut self, case: &CaseFile, done: &CaseEvent) -> Result<(), StoreError> {
        if !self.scope.covers(&case.division) {
            let scope = self.scope.division.clone();
            return Err(StoreError::Scope { division: case.division.clone(), scope });
        }
        let moved =
            sql("update case_file set step = ?3, state = ?4, since = ?5, posted = ?6, due = ?7, proposal = ?8, \
             version = version + 1 where id = ?1 and version = ?2")
            .bind(case.id)
            .bind(case.version)
            .bind(case.step as i64)
            .bind(case.state.word())
            .bind(case.since)
            .bind(case.posted)
            .bind(case.due)
            .bind(&case.proposal)
            .execute(&mut *self.connection)
            .await?;
        if moved == 0 {
            return Err(StoreError::CaseMoved(case.id));
        }
        sql(
            "insert into case_event (case_file, step, act, account, actor, at, note, body) values (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(case.id)
        .bind(done.step as i64)
        .bind(&done.act)
        .bind(done.account)
        .bind(&done.actor)
        .bind(done.at)
        .bind(&done.note)
        .bind(&done.body)
        .execute(&mut *self.connection)
        .await?;
        let body = json!({
            "case": case.id, "procedure": case.procedure, "step": done.step, "act": done.act, "state": case.state.word(),
            "note": done.note, "body": serde_json::from_str::<serde_json::Value>(&done.body).unwrap_or_default(),
        });
        self.enter("act", "@case", None, &case.division, body.to_string()).await
    }

    /// See [`Reader::last_change`]; with what this change did.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn last_change(&mut self, register: RegisterId, record: i64) -> Result<i64, StoreError> {
        let text = last_change(&self.store.pack, register);
        Ok(sql(text).bind(record).fetch_one(&mut *self.connection).await?.try_get(0)?)
    }

    /// Replaces what an open case proposes, because what was done on it changed the facts itself.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn propose(&mut self, case: i64, proposal: &str) -> Result<(), StoreError> {
        let told = sql("update case_file set proposal = ? where id = ?").bind(proposal).bind(case);
        told.execute(&mut *self.connection).await?;
        Ok(())
    }
}
