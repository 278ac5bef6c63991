//! Procedures as the pack declares them: who does what, in which order, by when.

use super::{Entity, LevelId, Place, Text, Value, VariableId};

index_type! {
    /// A role.
    RoleId,
    /// A procedure.
    ProcedureId,
}

/// A procedure.
#[derive(Clone, Debug)]
pub struct Procedure {
    /// Id.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Clauses.
    pub clauses: Vec<String>,
    /// What a case is about.
    pub subject: Entity,
    /// Boolean variable of the subject that proposes a case.
    pub begins: Option<VariableId>,
    /// Cases of one division of this level are handled at once.
    pub together: Option<LevelId>,
    /// The procedure in plain words.
    pub words: Option<Text>,
    /// What its notices say.
    pub notice: Option<Notice>,
    /// How the public begins a case without an account.
    pub asks: Option<Asks>,
    /// Steps in order; never empty.
    pub steps: Vec<Step>,
    /// What completing does to the registry.
    pub effects: Effects,
    /// Place in the pack.
    pub place: Place,
}

/// What a field is set to, or must be.
#[derive(Clone, PartialEq, Debug)]
pub enum Set {
    /// Nothing: it is emptied, or must be empty.
    Nothing,
    /// This value.
    Value(Value),
    /// The day on which the case completes, or the step is done that has the effect.
    Today,
    /// The day on which the notice of the step was put up; left alone if none was.
    Posted,
    /// What was entered at a step under this key ([`Asked::key`]); left alone if nothing was.
    Entered(String),
}

impl Set {
    /// The value on a day, where a notice was put up on another (days since 1970-01-01); `entered` has what was entered.
    /// `None`: nothing was.
    pub fn on(&self, day: i32, posted: Option<i32>, entered: impl Fn(&str) -> Option<Value>) -> Option<Option<Value>> {
        match self {
            Self::Nothing => Some(None),
            Self::Value(value) => Some(Some(value.clone())),
            Self::Today => Some(Some(Value::Integer(day.into()))),
            Self::Posted => posted.map(|day| Some(Value::Integer(day.into()))),
            Self::Entered(key) => entered(key).map(Some),
        }
    }
}

/// What completing a case, or a step of it, does to the registry.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Fields of the subject that are set: position of the field, value.
    pub then: Vec<(u16, Set)>,
    /// Records of the subject that are added.
    pub adds: Vec<Effect>,
    /// Records of the subject that are changed.
    pub ends: Vec<Effect>,
    /// What comes to belong elsewhere.
    pub moves: Option<Moves>,
}

impl Effects {
    /// Whether there is nothing to be done.
    pub fn is_empty(&self) -> bool {
        self.then.is_empty() && self.adds.is_empty() && self.ends.is_empty() && self.moves.is_none()
    }
}

/// What comes to belong elsewhere, with everything that belongs to it.
#[derive(Clone, Debug)]
pub struct Moves {
    /// Register of records of the subject; `None`: the subject itself, which then moves to another division.
    pub records: Option<super::RegisterId>,
    /// Key of the choice that is made among them; `None`: all.
    pub chosen: Option<String>,
    /// Where to.
    pub to: Destination,
}

/// Where something moves to.
#[derive(Clone, Debug)]
pub enum Destination {
    /// What is entered under this key: a division, or another record of the subject's register.
    Entered(String),
    /// A new record of the subject's register, where the subject lies.
    New {
        /// Its fields.
        set: Vec<(u16, Set)>,
        /// Fields that it has from the subject.
        keeps: Vec<u16>,
        /// Registers whose records of the subject it gets too.
        copies: Vec<super::RegisterId>,
    },
}

/// Something that whoever does a step enters.
#[derive(Clone, PartialEq, Debug)]
pub struct Asked {
    /// Under which it is kept: `register.field`, `new.field`, `register`, `to`.
    pub key: String,
    /// What it is.
    pub what: Wanted,
    /// It may be left empty; then nothing changes.
    pub optional: bool,
}

/// What is entered at a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// A value of a field.
    Value(super::RegisterId, u16),
    /// Some of the subject's records of a register.
    Records(super::RegisterId),
    /// Another record or division of this kind.
    Place(Entity),
}

/// What a notice says of the cases that it names. Secret fields are never among it.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Words above the list.
    pub words: Text,
    /// Fields of the subject that are shown; none: only how many there are.
    pub shows: Vec<u16>,
    /// What was entered in the case and is shown behind them ([`Asked::key`]), each a value of a field.
    pub entered: Vec<(String, super::RegisterId, u16)>,
    /// Where objections are taken: telephone numbers.
    pub phone: String,
    /// The same in a further script, for divisions that ask for it.
    pub beside: Option<Beside>,
}

/// What a notice also says in a language that is none of the pack: fixed words, and fields that hold texts of it.
#[derive(Clone, Debug)]
pub struct Beside {
    /// Language tag, such as `mn-Mong`.
    pub language: String,
    /// Set in columns that follow one another to the right.
    pub vertical: bool,
    /// Heading.
    pub title: String,
    /// Words above the list; may be empty.
    pub words: String,
    /// Fields of the subject.
    pub shows: Vec<u16>,
    /// Words where the seal is put; may be empty.
    pub seal: String,
    /// Truth of a division that asks for it: level, register, field; `None`: everywhere.
    pub wanted: Option<(LevelId, super::RegisterId, u16)>,
}

/// A form for everybody that makes a record and a case of it.
#[derive(Clone, Debug)]
pub struct Asks {
    /// Fields of the subject that are asked for.
    pub fields: Vec<u16>,
    /// Fields that are set by themselves.
    pub set: Vec<(u16, Set)>,
    /// Code field for how content the sender is with a completed case; its codes are the marks.
    pub mark: Option<u16>,
}

/// A change of records that belong to the subject.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Their register.
    pub register: super::RegisterId,
    /// Key of the choice that is made among them; `None`: all that fit.
    pub chosen: Option<String>,
    /// Which of them: fields that must have these values.
    pub filter: Vec<(u16, Set)>,
    /// What their fields become.
    pub set: Vec<(u16, Set)>,
}

/// A step of a procedure. Positions of other steps are indices into [`Procedure::steps`].
#[derive(Clone, Debug)]
pub struct Step {
    /// Id within the procedure.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Who acts.
    pub role: RoleId,
    /// What is done.
    pub kind: StepKind,
    /// Days that it lasts at least.
    pub days: Option<u16>,
    /// Days after which it is due.
    pub within: Option<u16>,
    /// Whether days are working days.
    pub working: bool,
    /// Papers that must be there.
    pub evidence: Vec<Text>,
    /// Steps that somebody else must have done.
    pub others_than: Vec<usize>,
    /// Share of those entitled that must take part in a vote.
    pub quorum: Option<(i64, i64)>,
    /// Share of the votes that must be more than this to carry.
    pub majority: Option<(i64, i64)>,
    /// The step that a refusal leads back to.
    pub back_to: Option<usize>,
    /// The step that an objection leads back to.
    pub objection: Option<usize>,
    /// Where a case goes up to when the step is overdue, from the lowest level up.
    pub escalates: Vec<Rung>,
    /// What whoever does it enters, for what it or completing does.
    pub asked: Vec<Asked>,
    /// What doing it does to the registry while the case goes on; moves nothing.
    pub effects: Effects,
}

/// A role above that of a step, to which an overdue case goes up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Days after the one on which the step was due; working days where the days of the step are.
    pub after: u16,
    /// The role.
    pub to: RoleId,
    /// Whether it only urges, and does not take the step over.
    pub urges: bool,
}

macro_rules! step_kinds {
    ($($(#[$doc:meta])* $name:ident => $word:literal,)*) => {
        /// What is done in a step.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum StepKind { $($(#[$doc])* $name,)* }

        impl StepKind {
            /// All kinds with the words that packs write.
            pub const ALL: &'static [(&'static str, Self)] = &[$(($word, Self::$name),)*];

            /// The word that packs write.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

step_kinds! {
    /// Somebody asks for it.
    Apply => "apply",
    /// Papers and facts are collected.
    Collect => "collect",
    /// A meeting votes.
    Vote => "vote",
    /// Facts are verified.
    Verify => "verify",
    /// Somebody signs.
    Sign => "sign",
    /// A public notice hangs, against which objections can be raised.
    Notice => "notice",
    /// An organ decides.
    Decide => "decide",
    /// It is filed with the level above.
    File => "file",
    /// The decision is announced.
    Announce => "announce",
    /// Something is carried out.
    Act => "act",
    /// The case is closed.
    Close => "close",
}
