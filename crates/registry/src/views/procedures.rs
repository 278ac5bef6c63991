//! Procedures of the pack as pages show them: steps in lanes, one for each level.

use bangfu_policy::model::{
    Destination, Effects, Entity, Field, LevelId, Pack, Procedure, RoleId, Set, Step, Text, text_in,
};
use serde::Serialize;

use super::figures::Language;
use super::file;
use crate::casework::entered::title;

/// A procedure in the list.
#[derive(Clone, Debug, Serialize)]
pub struct ProcedureLine {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// What a case is about.
    pub subject: String,
    /// Number of steps.
    pub steps: usize,
    /// Titles of the levels that act, in the order of the steps.
    pub levels: Vec<String>,
    /// Days that its notices last at least, together.
    pub notice_days: u32,
    /// Clauses.
    pub clauses: Vec<String>,
}

/// A procedure.
#[derive(Clone, Debug, Serialize)]
pub struct ProcedureView {
    /// As in the list.
    pub line: ProcedureLine,
    /// The procedure in plain words.
    pub words: String,
    /// Id and title of the rule that proposes a case.
    pub begins: Option<(String, String)>,
    /// Level at which cases are handled together.
    pub together: String,
    /// The lanes: titles of the levels that act, from the top down.
    pub lanes: Vec<String>,
    /// Steps in order.
    pub steps: Vec<StepView>,
    /// What completing sets: field and value.
    pub then: Vec<(String, String)>,
    /// What comes to belong elsewhere: what, whether only some of it, where to, whether that is new.
    pub moves: Option<(String, bool, String, bool)>,
}

/// A step.
#[derive(Clone, Debug, Serialize)]
pub struct StepView {
    /// Number from 1.
    pub number: usize,
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Who acts.
    pub role: String,
    /// Position of its lane.
    pub lane: usize,
    /// Word of its kind, behind `step-` in the texts.
    pub kind: &'static str,
    /// Days that it lasts at least.
    pub days: Option<u16>,
    /// Days after which it is due.
    pub within: Option<u16>,
    /// Whether days are working days.
    pub working: bool,
    /// Papers that must be there.
    pub evidence: Vec<String>,
    /// Titles of the steps that somebody else must have done.
    pub others_than: Vec<String>,
    /// Share that must take part in a vote.
    pub quorum: String,
    /// Share of votes that must be exceeded.
    pub majority: String,
    /// Title of the step that a refusal leads back to.
    pub back_to: String,
    /// Title of the step that an objection leads back to.
    pub objection: String,
    /// What is entered.
    pub asked: Vec<String>,
    /// Fields that doing it sets, with their values.
    pub then: Vec<(String, String)>,
    /// Where an overdue case goes up to: days, title of the role, whether it only urges.
    pub escalates: Vec<(u16, String, bool)>,
}

/// All procedures.
pub fn all(pack: &Pack, language: Language) -> Vec<ProcedureLine> {
    pack.procedures.iter().map(|procedure| line(pack, procedure, language)).collect()
}

/// One procedure.
pub fn one(pack: &Pack, id: &str, language: Language) -> Option<ProcedureView> {
    let procedure = pack.procedures.iter().find(|procedure| procedure.id == id)?;
    let words = |text: &Text| text_in(text, language.id()).to_owned();
    let level_title = |level: LevelId| pack.levels.get(level.index()).map(|level| words(&level.title));
    let mut levels: Vec<LevelId> = procedure.steps.iter().map(|step| level(pack, step)).collect();
    levels.sort_unstable();
    levels.dedup();
    let title_of = |at: Option<usize>| at.and_then(|at| procedure.steps.get(at)).map(|step| words(&step.title));
    let share = |share: Option<(i64, i64)>| share.map(|(a, b)| format!("{a}/{b}")).unwrap_or_default();
    let role_title = |id: RoleId| pack.roles.get(id.index()).map(|role| words(&role.title)).unwrap_or_default();
    let step = |(at, step): (usize, &Step)| StepView {
        number: at + 1,
        id: step.id.clone(),
        title: words(&step.title),
        role: role_title(step.role),
        lane: levels.iter().position(|known| *known == level(pack, step)).unwrap_or(0),
        kind: step.kind.word(),
        days: step.days,
        within: step.within,
        working: step.working,
        evidence: step.evidence.iter().map(words).collect(),
        others_than: step.others_than.iter().filter_map(|at| title_of(Some(*at))).collect(),
        quorum: share(step.quorum),
        majority: share(step.majority),
        back_to: title_of(step.back_to).unwrap_or_default(),
        objection: title_of(step.objection).unwrap_or_default(),
        asked: step.asked.iter().map(|asked| title(pack, procedure, asked, language.id())).collect(),
        then: then(pack, procedure, &step.effects, language),
        escalates: step.escalates.iter().map(|rung| (rung.after, role_title(rung.to), rung.urges)).collect(),
    };
    let begins = procedure.begins.and_then(|id| pack.variables.get(id.index()));
    Some(ProcedureView {
        line: line(pack, procedure, language),
        words: procedure.words.as_ref().map(words).unwrap_or_default(),
        begins: begins.map(|variable| (variable.id.clone(), words(&variable.title))),
        together: procedure.together.and_then(level_title).unwrap_or_default(),
        lanes: levels.iter().filter_map(|level| level_title(*level)).collect(),
        steps: procedure.steps.iter().enumerate().map(step).collect(),
        then: then(pack, procedure, &procedure.effects, language),
        moves: procedure.effects.moves.as_ref().map(|moves| {
            let (what, of_subject) = match moves.records {
                Some(id) => (Entity::Register(id), procedure.subject),
                None => (procedure.subject, above(pack, procedure.subject)),
            };
            let named = |of: Entity| pack.entity_title(of).map(words).unwrap_or_default();
            (named(what), moves.chosen.is_some(), named(of_subject), matches!(moves.to, Destination::New { .. }))
        }),
    })
}

/// What a record of an entity belongs to.
fn above(pack: &Pack, entity: Entity) -> Entity {
    match entity {
        Entity::Register(id) => pack.registers.get(id.index()).map_or(entity, |register| register.parent),
        Entity::Level(_) => entity,
    }
}

fn level(pack: &Pack, step: &Step) -> LevelId {
    pack.roles.get(step.role.index()).map_or(LevelId(0), |role| role.level)
}

fn line(pack: &Pack, procedure: &Procedure, language: Language) -> ProcedureLine {
    let words = |text: &Text| text_in(text, language.id()).to_owned();
    let mut levels: Vec<String> = Vec::new();
    for step in &procedure.steps {
        let title = pack.levels.get(level(pack, step).index()).map(|level| words(&level.title)).unwrap_or_default();
        if levels.last() != Some(&title) {
            levels.push(title);
        }
    }
    let notices = procedure.steps.iter().filter(|step| step.kind == bangfu_policy::model::StepKind::Notice);
    ProcedureLine {
        id: procedure.id.clone(),
        title: words(&procedure.title),
        subject: pack.entity_title(procedure.subject).map(words).unwrap_or_default(),
        steps: procedure.steps.len(),
        levels,
        notice_days: notices.filter_map(|step| step.days).map(u32::from).sum(),
        clauses: procedure.clauses.clone(),
    }
}

fn then(pack: &Pack, procedure: &Procedure, effects: &Effects, language: Language) -> Vec<(String, String)> {
    let Entity::Register(register) = procedure.subject else { return Vec::new() };
    let fields = pack.registers.get(register.index()).map(|r| r.fields.as_slice()).unwrap_or_default();
    let places = super::places::Places::default();
    let set = |fields: &[Field], prefix: &str, set: &[(u16, Set)]| -> Vec<(String, String)> {
        let pair = |(at, set): &(u16, Set)| {
            let field = fields.get(usize::from(*at))?;
            let title = format!("{prefix}{}", text_in(&field.title, language.id()));
            let value = match set {
                Set::Today => TODAY.to_owned(),
                Set::Posted => POSTED.to_owned(),
                Set::Entered(_) => ENTERED.to_owned(),
                Set::Nothing => String::new(),
                Set::Value(value) => file::cell(pack, field, Some(value), &places, language).text,
            };
            Some((title, value))
        };
        set.iter().filter_map(pair).collect()
    };
    let mut all = set(fields, "", &effects.then);
    for effect in effects.ends.iter().chain(&effects.adds) {
        let Some(register) = pack.registers.get(effect.register.index()) else { continue };
        all.extend(set(&register.fields, &format!("{} · ", text_in(&register.title, language.id())), &effect.set));
    }
    all
}

/// Stands for the day on which a case completes, or a step is done.
const TODAY: &str = "today";
/// Stands for the day on which a notice was put up.
const POSTED: &str = "posted";
/// Stands for what is entered at a step.
const ENTERED: &str = "entered";
