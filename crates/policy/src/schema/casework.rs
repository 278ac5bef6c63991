//! Shapes of roles, procedures, matches, views and exemptions.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::leaves::{Formula, OneOrMany, Setting, Words};

/// Where a day begins, and which days are worked.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct WorkCalendar {
    /// By how much clocks are ahead of UTC, such as "+08:00".
    utc_offset: String,
    /// Days of the week that are worked: mon, tue, wed, thu, fri, sat, sun.
    working_days: OneOrMany,
    /// By year: days or ranges (first/last) that are free. `every_year`: month-day of years that are not listed.
    holidays: Option<BTreeMap<String, OneOrMany>>,
    /// By year: days that are worked although the week has them free.
    make_up_days: Option<BTreeMap<String, OneOrMany>>,
}

/// Somebody who acts in procedures.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Role {
    /// Title.
    title: Words,
    /// Division level at which it acts.
    level: String,
    /// Registers whose records are seen: ids, `all`, or `article N` for all that cite a clause of it.
    reads: Option<OneOrMany>,
    /// Registers whose records are entered and changed, and seen.
    edits: Option<OneOrMany>,
    /// accounts, grants, audit, unmask or tokens.
    may: Option<OneOrMany>,
    /// Roles that the same person must not hold.
    apart_from: Option<OneOrMany>,
    /// Roles whose holders enter what this one did on paper.
    entered_by: Option<OneOrMany>,
    /// A holder signs in with a second factor.
    second_factor: Option<bool>,
}

/// Who does what, in which order, by when.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Procedure {
    /// Title.
    title: Words,
    /// Clauses that it implements.
    clauses: Option<OneOrMany>,
    /// Entity that a case is about.
    subject: String,
    /// Boolean variable of the subject that proposes a case.
    begins: Option<String>,
    /// Cases of one division of this level are handled at once.
    together: Option<String>,
    /// The procedure in plain words.
    words: Option<Words>,
    /// Where a case goes up to when a step is overdue: roles above that of the step.
    escalates: Option<OneOrManyRungs>,
    /// What its notices say.
    notice: Option<Notice>,
    /// How the public begins a case without an account.
    asks: Option<Asks>,
    /// Steps in order.
    steps: Vec<Step>,
    /// Fields of the subject that completing sets; `today` is the day of it.
    then: Option<BTreeMap<String, Given>>,
    /// Records of the subject that completing adds: register, fields; a list for several.
    adds: Option<BTreeMap<String, AddsOrMany>>,
    /// Records of the subject that completing changes: register, which of them, fields.
    ends: Option<BTreeMap<String, EndsOrMany>>,
    /// What comes to belong elsewhere, with everything that belongs to it.
    moves: Option<Moves>,
}

/// What a notice says of the cases that it names.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Notice {
    /// Words above the list.
    words: Words,
    /// Fields of the subject that are shown; secret ones are refused.
    shows: Option<OneOrMany>,
    /// Where objections are taken.
    phone: String,
    /// The same in a further script.
    beside: Option<Beside>,
}

/// What a notice also says in a language that is none of the pack.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Beside {
    /// Language tag, such as mn-Mong.
    language: String,
    /// Set in columns that follow one another to the right.
    vertical: Option<bool>,
    /// Heading.
    title: String,
    /// Words above the list.
    words: Option<String>,
    /// Fields of the subject that hold texts of the language.
    shows: Option<OneOrMany>,
    /// Words where the seal is put.
    seal: Option<String>,
    /// register.field: truth of a division that asks for it; everywhere if it is left out.
    r#where: Option<String>,
}

/// A form for everybody that makes a record and a case of it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Asks {
    /// Fields of the subject that are asked for.
    fields: OneOrMany,
    /// Fields that are set by themselves.
    set: Option<BTreeMap<String, Setting>>,
    /// Code field for how content the sender is with the completed case.
    mark: Option<String>,
}

/// What everybody may see without signing in.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Public {
    /// Standards: parameters.
    parameters: Option<OneOrMany>,
    /// Programmes.
    programmes: Option<OneOrMany>,
    /// Registers of which everybody sees some fields.
    registers: Option<BTreeMap<String, PublicRegister>>,
    /// Figures of divisions.
    figures: Option<PublicFigures>,
}

/// Figures of divisions that everybody sees.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct PublicFigures {
    /// Counts below it are not told; 5 if it is left out.
    below: Option<u16>,
    /// Indicators that count, and add up over divisions.
    counts: OneOrMany,
    /// Other indicators, each with the count that it is made of.
    shares: Option<BTreeMap<String, String>>,
}

/// A register of which everybody sees some fields.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct PublicRegister {
    /// Fields that are shown.
    fields: OneOrMany,
    /// Numbers and money that are added up by division.
    sums: Option<OneOrMany>,
    /// Fields that must have these values.
    r#where: Option<BTreeMap<String, Setting>>,
    /// Records of people: only codes, numbers and dates are shown, and no place below this level.
    nameless: Option<String>,
}

/// One change of the records of a register, or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum EndsOrMany {
    /// One.
    One(Ends),
    /// Several, for records of different kinds.
    Many(Vec<Ends>),
}

/// Which records of the subject completing changes, and how.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Ends {
    /// Fields that must have these values.
    r#where: Option<BTreeMap<String, Setting>>,
    /// Step at which they are chosen; all that fit if it is left out.
    chosen: Option<String>,
    /// What fields become.
    set: BTreeMap<String, Given>,
}

/// Records of one register that completing adds.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum AddsOrMany {
    /// One.
    One(BTreeMap<String, Given>),
    /// Several.
    Many(Vec<BTreeMap<String, Given>>),
}

/// A value that the pack gives, or that is entered at a step.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Given {
    /// Given.
    Value(Setting),
    /// Entered.
    Entered(Entered),
}

/// What whoever does a step enters.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Entered {
    /// The step.
    step: String,
    /// It may be left empty; then nothing changes.
    optional: Option<bool>,
}

/// What comes to belong elsewhere when a case completes.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Moves {
    /// Register of records of the subject; the subject itself if it is left out.
    records: Option<String>,
    /// Step at which they are chosen; all if it is left out.
    chosen: Option<String>,
    /// Another division, or another record of the subject's register, that is entered at a step.
    to: Option<Entered>,
    /// A new record of the subject's register: its fields.
    new: Option<BTreeMap<String, Given>>,
    /// Fields that the new record has from the subject.
    keeps: Option<OneOrMany>,
    /// Registers whose records of the subject it gets too.
    copies: Option<OneOrMany>,
}

/// A step of a procedure.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Step {
    /// Id within the procedure.
    id: String,
    /// Title.
    title: Words,
    /// Who acts.
    role: String,
    /// apply, collect, vote, verify, sign, notice, decide, file, announce, act or close.
    kind: String,
    /// Days that it lasts at least.
    days: Option<u16>,
    /// Days after which it is due.
    within: Option<u16>,
    /// Days are working days.
    working: Option<bool>,
    /// Papers that must be there.
    evidence: Option<Vec<Words>>,
    /// Steps that somebody else must have done.
    others_than: Option<OneOrMany>,
    /// Share that must take part in a vote, such as 2/3.
    quorum: Option<String>,
    /// Share of votes that must be exceeded, such as 1/2.
    majority: Option<String>,
    /// Step that a refusal leads back to.
    back_to: Option<String>,
    /// Step that an objection leads back to.
    objection: Option<String>,
    /// Where a case goes up to when this step is overdue, instead of what the procedure says.
    escalates: Option<OneOrManyRungs>,
    /// Fields of the subject that doing it sets.
    then: Option<BTreeMap<String, Given>>,
    /// Records of the subject that doing it adds, or adds to.
    adds: Option<BTreeMap<String, AddsOrMany>>,
    /// Records of the subject that doing it changes.
    ends: Option<BTreeMap<String, EndsOrMany>>,
}

/// A role above that of a step, to which an overdue case goes up.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Rung {
    /// Days after the one on which the step was due.
    after: u16,
    /// The role.
    to: String,
    /// It only urges, and does not take the step over.
    urges: Option<bool>,
}

/// One rung or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum OneOrManyRungs {
    /// One.
    One(Rung),
    /// From the lowest level up.
    Many(Vec<Rung>),
}

/// Two sides that are brought together with a score.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Match {
    /// Title.
    title: Words,
    /// Clauses that it implements.
    clauses: Option<OneOrMany>,
    /// Entity that seeks.
    of: String,
    /// Which of them take part.
    r#where: Option<Formula>,
    /// Entity that is offered.
    with: String,
    /// Which offers are open.
    open: Option<Formula>,
    /// Only in the same division of this level.
    within: Option<String>,
    /// What makes a good match; weights add up to 100.
    parts: Vec<MatchPart>,
}

/// One reason for a match: exactly one of equal, at_least, at_most, near.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct MatchPart {
    /// Title.
    title: Words,
    /// Points of 100.
    weight: u8,
    /// Formula of the seeker, formula of the offer: equal.
    equal: Option<[Formula; 2]>,
    /// The offer has at least what the seeker wants.
    at_least: Option<[Formula; 2]>,
    /// The seeker has at most what the offer allows.
    at_most: Option<[Formula; 2]>,
    /// Levels of divisions from the nearest on.
    near: Option<OneOrMany>,
}

/// A board, calendar or matrix.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum View {
    /// A column for each stage.
    Pipeline(Pipeline),
    /// A month of days.
    Calendar(Calendar),
    /// A row for each division.
    Matrix(Matrix),
}

/// A column for each stage.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Pipeline {
    /// Title.
    title: Words,
    /// Clauses that it implements.
    clauses: Option<OneOrMany>,
    /// `pipeline`.
    kind: String,
    /// The register.
    register: String,
    /// Code field with the stage.
    stage: String,
    /// Number or money field that is added up.
    sum: Option<String>,
    /// Date field since when a record is in its stage.
    since: Option<String>,
}

/// A month: rows are people, columns are days.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Calendar {
    /// Title.
    title: Words,
    /// Clauses that it implements.
    clauses: Option<OneOrMany>,
    /// `calendar`.
    kind: String,
    /// The register.
    register: String,
    /// Date field.
    date: String,
    /// Field whose values are the rows.
    who: String,
    /// Code field that is the mark of a day.
    mark: String,
}

/// Rows are divisions, columns are boolean variables.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Matrix {
    /// Title.
    title: Words,
    /// Clauses that it implements.
    clauses: Option<OneOrMany>,
    /// `matrix`.
    kind: String,
    /// Level of the rows.
    level: String,
    /// Boolean variables of that level.
    variables: OneOrMany,
}

/// Where records are excused from checks.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Exemptions {
    /// The register.
    register: String,
    /// Field with the id of the check.
    check: String,
    /// Field with the key of the record.
    record: String,
    /// Field with the last day.
    until: String,
    /// Field with the reason.
    reason: String,
}
