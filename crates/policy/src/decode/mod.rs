//! Files → checked model.
//!
//! ```text
//! files ─ yaml ─► sections ─ structure (levels, codes, registers) ─► names ─ rules (formulas) ─► screens, tests ─► Pack
//! ```
//! Every step goes on after an error, so that all errors of a pack are reported at once.

mod boards;
mod books;
mod calendar;
mod cases;
mod codes;
mod cursor;
mod effects;
mod escalation;
mod indicators;
mod notices;
mod parameters;
mod places;
mod procedures;
mod public;
mod registers;
mod rules;
mod screens;
mod structure;
mod tree;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use sha2::{Digest, Sha256};

use crate::diagnostic::{Diagnostic, nearest};
use crate::formula::Compiler;
use crate::ir::Graph;
use crate::model::{Pack, Place, Policy, Screens};
use cursor::Report;
use tree::{Data, Node, parse};

/// A file of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path inside the pack, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Keys of the maps at the top of files.
pub(crate) const SECTIONS: [&str; 20] = [
    "policy",
    "calendar",
    "articles",
    "divisions",
    "codes",
    "registers",
    "parameters",
    "variables",
    "programmes",
    "indicators",
    "checks",
    "books",
    "roles",
    "procedures",
    "matches",
    "views",
    "exemptions",
    "screens",
    "public",
    "tests",
];

/// Most entries of a section; positions are kept in 16 bits.
const MOST_ENTRIES: usize = 10_000;

/// Threads that read files; more gain nothing on packs of this size.
const MOST_THREADS: usize = 4;

/// Entries of a section from all files: id, its place, definition.
type Entries<'n> = Vec<(&'n str, &'n Place, &'n Node)>;

/// Loads a pack from its files (`*.yaml` and the `*.csv` of code lists).
///
/// # Errors
/// Everything that is wrong, in the order of files and lines.
pub fn load(files: &[SourceFile]) -> Result<Pack, Vec<Diagnostic>> {
    let mut files: Vec<&SourceFile> = files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut report = Report::default();
    let mut roots = Vec::new();
    let texts: Vec<&SourceFile> = files.iter().copied().filter(|file| is_yaml(&file.path)).collect();
    for parsed in parse_all(&texts) {
        match parsed {
            Ok(Some(root)) => roots.push(root),
            Ok(None) => {}
            Err(diagnostic) => report.found.push(diagnostic),
        }
    }
    // What stands in a file that cannot be read would look undefined everywhere else.
    if !report.found.is_empty() {
        return Err(report.found);
    }
    let mut pack = empty(hash(&files));
    fill(&mut pack, &roots, &files, &mut report);
    if report.found.is_empty() {
        return Ok(pack);
    }
    for finding in &mut report.found {
        places::settle(&mut finding.place, &files);
        if let Some((place, _)) = &mut finding.related {
            places::settle(place, &files);
        }
    }
    report.found.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.place.file.clone(), d.place.line, d.place.column);
        key(a).cmp(&key(b))
    });
    report.found.dedup();
    Err(report.found)
}

/// Parses files side by side: reading YAML takes as long as everything after it. Results are in the order of the files.
#[expect(clippy::result_large_err, reason = "a file is refused once, not in a hot loop")]
fn parse_all(files: &[&SourceFile]) -> Vec<Result<Option<Node>, Diagnostic>> {
    // Long files first, so that no thread is left alone with one.
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(files.get(*at).map_or(0, |file| file.text.len())));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(at) = order.get(next.fetch_add(1, Relaxed)) {
            done.extend(files.get(*at).map(|file| (*at, parse(&file.path, &file.text))));
        }
        done
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let mut parsed = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut parsed = work();
        for other in others {
            match other.join() {
                Ok(done) => parsed.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        parsed
    });
    parsed.sort_by_key(|(at, _)| *at);
    parsed.into_iter().map(|(_, parsed)| parsed).collect()
}

fn fill(pack: &mut Pack, roots: &[Node], files: &[&SourceFile], report: &mut Report) {
    check_sections(roots, report);
    let head = section(roots, "policy");
    if let Some(node) = head.first() {
        structure::policy(pack, node, report);
    } else {
        let file = roots.first().map_or_else(Place::default, |root| root.place.clone());
        report.say(&file, "the pack has no `policy:`", "add a file with `policy: {id: …, title: …, languages: […]}`");
    }
    if head.len() > 1 {
        report.say(&head[1].place, "`policy:` stands twice", "keep one of them");
    }
    report.languages.clone_from(&pack.policy.languages);
    calendar::calendar(pack, &section(roots, "calendar"), report);
    structure::divisions(pack, &section(roots, "divisions"), report);
    structure::articles(pack, &entries(roots, "articles", report), report);
    report.clauses =
        pack.articles.iter().flat_map(|article| &article.clauses).map(|clause| clause.id.clone()).collect();
    codes::codes(pack, &entries(roots, "codes", report), files, report);
    registers::registers(pack, &entries(roots, "registers", report), report);
    let parameters = entries(roots, "parameters", report);
    parameters::parameters(pack, &parameters, report);
    let variables = entries(roots, "variables", report);
    let programmes = entries(roots, "programmes", report);
    let indicators = entries(roots, "indicators", report);
    let checks = entries(roots, "checks", report);
    let declared = rules::declare(pack, &variables, &programmes, &checks, report);
    let amounts = rules::amounts(pack);
    let mut compiler = Compiler::new(pack);
    parameters::values(&mut compiler, &parameters, report);
    compiler.variables(declared);
    let indicator_ids: Vec<&str> = indicators.iter().map(|(id, ..)| *id).collect();
    let indicators = indicators::indicators(&mut compiler, &indicators, report);
    let books = books::books(&mut compiler, &entries(roots, "books", report), report);
    let matches = boards::matches(&mut compiler, &entries(roots, "matches", report), report);
    let screens = screens::screens(&mut compiler, &section(roots, "screens"), report);
    let mut found = compiler.diagnostics();
    for finding in &mut found {
        places::in_amount(&mut finding.place, &amounts);
    }
    report.found.extend(found);
    pack.indicators = indicators;
    pack.books = books;
    pack.matches = matches;
    rules::check_fields(pack, report);
    pack.screens = screens::with_indicators(pack, screens, &section(roots, "screens"), &indicator_ids, report);
    procedures::roles(pack, &entries(roots, "roles", report), report);
    procedures::procedures(pack, &entries(roots, "procedures", report), report);
    pack.views = boards::views(pack, &entries(roots, "views", report), report);
    pack.exemptions = boards::exemptions(pack, &section(roots, "exemptions"), report);
    pack.public = public::public(pack, &section(roots, "public"), &indicator_ids, report);
    cases::cases(pack, &section(roots, "tests"), report);
}

fn is_yaml(path: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn empty(hash: String) -> Pack {
    Pack {
        policy: Policy {
            id: String::new(),
            title: crate::model::Text::new(),
            version: String::new(),
            languages: Vec::new(),
            issued: None,
            root: String::new(),
            currency_code: String::new(),
            currency_symbol: crate::model::Text::new(),
        },
        calendar: crate::model::Calendar::default(),
        levels: Vec::new(),
        articles: Vec::new(),
        codes: Vec::new(),
        registers: Vec::new(),
        parameters: Vec::new(),
        variables: Vec::new(),
        programmes: Vec::new(),
        indicators: Vec::new(),
        checks: Vec::new(),
        books: Vec::new(),
        roles: Vec::new(),
        procedures: Vec::new(),
        matches: Vec::new(),
        views: Vec::new(),
        exemptions: None,
        screens: Screens::default(),
        public: crate::model::Public::default(),
        tests: Vec::new(),
        graph: Graph::default(),
        phrases: std::collections::BTreeMap::new(),
        hash,
    }
}

/// SHA-256 over paths and texts, in path order.
fn hash(files: &[&SourceFile]) -> String {
    let mut hasher = Sha256::new();
    for file in files {
        for part in [&file.path, &file.text] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    }
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        hex.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0')));
    }
    hex
}

fn check_sections(roots: &[Node], report: &mut Report) {
    for root in roots {
        let Data::Map(entries) = &root.data else {
            let advice = format!("write sections such as `registers:`; they are {}", SECTIONS.join(", "));
            report.say(&root.place, format!("a file of a pack is a map of sections, not {}", root.kind()), advice);
            continue;
        };
        for (key, place, _) in entries.iter().filter(|(key, ..)| !SECTIONS.contains(&key.as_str())) {
            let near = nearest(key, SECTIONS.iter().copied());
            let advice = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the sections are {}", SECTIONS.join(", ")),
            };
            report.say(place, format!("there is no section `{key}`"), advice);
        }
    }
}

/// The nodes of a section, one for each file that has it.
fn section<'n>(roots: &'n [Node], name: &str) -> Vec<&'n Node> {
    let maps = roots.iter().filter_map(|root| match &root.data {
        Data::Map(entries) => Some(entries),
        _ => None,
    });
    maps.flatten().filter(|(key, _, node)| key == name && node.data != Data::Null).map(|(_, _, node)| node).collect()
}

/// The entries of a section from all files; ids that stand twice are reported with both places.
fn entries<'n>(roots: &'n [Node], name: &str, report: &mut Report) -> Entries<'n> {
    let mut all: Entries<'n> = Vec::new();
    let mut first: std::collections::HashMap<&str, &Place> = std::collections::HashMap::new();
    for node in section(roots, name) {
        let Data::Map(entries) = &node.data else {
            report.say(&node.place, format!("`{name}:` is {}, not a map", node.kind()), "write `id:` lines below it");
            continue;
        };
        for (id, place, node) in entries {
            let capitals = matches!(name, "checks" | "articles");
            if name != "articles" && !cursor::is_id(id, capitals) {
                report.say(
                    place,
                    format!("`{id}` is not an id"),
                    "use small letters, digits and _, beginning with a letter",
                );
            }
            match first.get(id.as_str()) {
                Some(earlier) => {
                    let mut diagnostic = Diagnostic::new(
                        place,
                        format!("`{id}` is defined twice in `{name}`"),
                        "rename one of them, or delete it".to_owned(),
                    );
                    diagnostic.related = Some(((*earlier).clone(), "the first definition".to_owned()));
                    report.found.push(diagnostic);
                }
                None if all.len() == MOST_ENTRIES => {
                    report.say(
                        place,
                        format!("`{name}` has more than {MOST_ENTRIES} entries"),
                        "a pack is not a database: keep records in registers",
                    );
                    return all;
                }
                None => {
                    first.insert(id, place);
                    all.push((id, place, node));
                }
            }
        }
    }
    all
}
