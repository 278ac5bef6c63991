//! Variables, programmes and checks.

use std::collections::HashMap;

use super::tree::Node;
use crate::formula::declared_type;
use crate::ir::{ExprId, Type};
use crate::model::{
    Check, CheckId, Entity, Field, Frequency, Pack, Place, Programme, ProgrammeId, Severity, Text, Variable, VariableId,
};

use super::Entries;
use super::cursor::{Cursor, Report};
use super::places::Amount;
use super::registers::field_type;
use super::screens::name_text;
use super::structure::clauses;

/// Declares variables, programmes and checks with their formula texts; returns the types that authors wrote.
pub(super) fn declare(
    pack: &mut Pack,
    variables: &Entries<'_>,
    programmes: &Entries<'_>,
    checks: &Entries<'_>,
    report: &mut Report,
) -> HashMap<VariableId, Type> {
    let mut declared = HashMap::new();
    for (id, place, node) in variables {
        let Some(mut cursor) = Cursor::new(node, &format!("variable `{id}`"), report) else { continue };
        let Some(of) = entity(pack, &mut cursor, report) else { continue };
        let title = cursor.title("title", report);
        let clauses = clauses(&mut cursor, report);
        if let Some((text, place)) = cursor.text("type", report) {
            let ty = declared_type(field_type(&text, pack, &[], place, report));
            match ty {
                Some(ty) => {
                    declared.insert(VariableId(pack.variables.len() as u16), ty);
                }
                None => report.say(
                    place,
                    format!("a variable cannot be {text}"),
                    "use integer, decimal(n), money, date, boolean or code(list)",
                ),
            }
        }
        let words = cursor.optional_title("words", report);
        let group = cursor.text("group", report).map(|(text, _)| text);
        let formula = formula(&mut cursor, "formula", report);
        cursor.finish(report);
        let Some((formula, at)) = formula else { continue };
        if clash(pack, id, of, place, report) {
            continue;
        }
        pack.variables.push(Variable {
            id: (*id).to_owned(),
            title,
            clauses,
            of,
            ty: Type::Boolean,
            formula,
            root: ExprId(u32::MAX),
            words,
            group,
            programme: None,
            check: None,
            place: at,
        });
    }
    for (id, place, node) in programmes {
        programme(pack, id, place, node, &mut declared, report);
    }
    for (id, place, node) in checks {
        check(pack, id, place, node, &mut declared, report);
    }
    declared
}

fn programme(
    pack: &mut Pack,
    id: &str,
    place: &Place,
    node: &Node,
    declared: &mut HashMap<VariableId, Type>,
    report: &mut Report,
) {
    let Some(mut cursor) = Cursor::new(node, &format!("programme `{id}`"), report) else { return };
    let Some(of) = entity(pack, &mut cursor, report) else { return };
    let title = cursor.title("title", report);
    let clauses = clauses(&mut cursor, report);
    let who = formula(&mut cursor, "who", report);
    let amount = formula(&mut cursor, "amount", report);
    let every = match cursor.required_text("every", report) {
        Some((text, _)) if text == "year" => Frequency::Year,
        Some((text, _)) if text == "month" => Frequency::Month,
        Some((text, _)) if text == "once" => Frequency::Once,
        Some((text, place)) => {
            report.say(place, format!("`every: {text}` is not known"), "write year, month or once");
            Frequency::Year
        }
        None => Frequency::Year,
    };
    let fund = cursor.optional_title("fund", report);
    let (from, to) = (cursor.date("from", report), cursor.date("to", report));
    let words = cursor.optional_title("words", report);
    let group = cursor.text("group", report).map_or("programmes".to_owned(), |(text, _)| text);
    cursor.finish(report);
    let (Some((who, who_place)), Some((amount, amount_place))) = (who, amount) else { return };
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        report.say(place, format!("`{id}` ends before it begins"), "exchange `from` and `to`");
    }
    if clash(pack, id, of, place, report) || clash(pack, &format!("{id}_amount"), of, place, report) {
        return;
    }
    let number = ProgrammeId(pack.programmes.len() as u16);
    let eligible = VariableId(pack.variables.len() as u16);
    let amount_variable = VariableId(pack.variables.len() as u16 + 1);
    declared.insert(eligible, Type::Boolean);
    declared.insert(amount_variable, Type::MONEY);
    let unit = |language: &String| pack.policy.currency_symbol.get(language).map_or("", String::as_str);
    let amounts: Text = title
        .iter()
        .map(|(language, words)| (language.clone(), amount_title(language, words, unit(language))))
        .collect();
    let variable = |id: String, title: Text, formula: String, words: Option<Text>, place: Place| Variable {
        id,
        title,
        clauses: clauses.clone(),
        of,
        ty: Type::Boolean,
        formula,
        root: ExprId(u32::MAX),
        words,
        group: Some(group.clone()),
        programme: Some(number),
        check: None,
        place,
    };
    pack.variables.push(variable(id.to_owned(), title.clone(), who, words, who_place));
    let guarded = format!("case when {id} then ({amount}) else 0 end");
    pack.variables.push(variable(format!("{id}_amount"), amounts, guarded, None, amount_place));
    pack.programmes.push(Programme {
        id: id.to_owned(),
        title,
        clauses,
        of,
        eligible,
        amount: amount_variable,
        every,
        fund,
        from,
        to,
        place: place.clone(),
    });
}

/// Title of the amount of a programme; in languages that are not built in the currency says what it is.
fn amount_title(language: &str, words: &str, unit: &str) -> String {
    match language {
        "zh" => format!("{words}：金额"),
        "en" => format!("{words}: amount"),
        _ => format!("{words} ({unit})"),
    }
}

/// `of: household`
pub(super) fn entity(pack: &Pack, cursor: &mut Cursor<'_>, report: &mut Report) -> Option<Entity> {
    let (name, place) = cursor.required_text("of", report)?;
    let entity = pack.entity(&name);
    if entity.is_none() {
        let attached = pack.register(&name).is_some();
        let advice = if attached {
            "its records belong to another register: write the formula for that one".to_owned()
        } else {
            let registers = pack.registers.iter().map(|register| register.id.as_str());
            let known = registers.chain(pack.levels.iter().map(|level| level.id.as_str()));
            crate::diagnostic::nearest(&name, known)
                .map_or("name an entity register or a division level".to_owned(), |near| {
                    format!("did you mean `{near}`?")
                })
        };
        report.say(place, format!("formulas cannot be written `of: {name}`"), advice);
    }
    entity
}

/// A formula and where its text begins.
pub(super) fn formula(cursor: &mut Cursor<'_>, key: &'static str, report: &mut Report) -> Option<(String, Place)> {
    let (text, place) = cursor.required_text(key, report)?;
    Some((text, place.clone()))
}

/// A variable may not be named like a field of its entity or another variable.
fn clash(pack: &Pack, id: &str, of: Entity, place: &Place, report: &mut Report) -> bool {
    let field = match of {
        Entity::Register(register) => {
            pack.registers.get(register.index()).is_some_and(|r| r.fields.iter().any(|field| field.id == id))
        }
        Entity::Level(_) => false,
    };
    if field {
        report.say(
            place,
            format!("`{id}` is already a field of {}", pack.entity_id(of)),
            "give the variable another name",
        );
    } else if pack.variable(id).is_some() {
        report.say(place, format!("`{id}` is already a variable or programme"), "give one of them another name");
    } else if matches!(id, "id" | "as_of" | "previous" | "param" | "division" | "period") {
        report.say(place, format!("`{id}` means something else in formulas"), "give the variable another name");
    } else {
        return false;
    }
    true
}

/// Where the amounts of programmes stand, and how their compiled text differs.
pub(super) fn amounts(pack: &Pack) -> Vec<Amount> {
    let amount = |programme: &Programme| {
        let variable = pack.variables.get(programme.amount.index())?;
        let before = format!("case when {} then (", programme.id).chars().count();
        Some(Amount { place: variable.place.clone(), before, length: variable.formula.chars().count() })
    };
    pack.programmes.iter().filter_map(amount).collect()
}

/// Fields of an entity, for advice.
fn fields_of(pack: &Pack, entity: Entity) -> Vec<String> {
    match entity {
        Entity::Register(register) => pack
            .registers
            .get(register.index())
            .map(|register| register.fields.iter().map(|field| field.id.clone()).collect())
            .unwrap_or_default(),
        Entity::Level(_) => Vec::new(),
    }
}

/// A check is a boolean variable: true is a hit.
fn check(
    pack: &mut Pack,
    id: &str,
    place: &Place,
    node: &Node,
    declared: &mut HashMap<VariableId, Type>,
    report: &mut Report,
) {
    let Some(mut cursor) = Cursor::new(node, &format!("check `{id}`"), report) else { return };
    let Some(of) = entity(pack, &mut cursor, report) else { return };
    let severity = match cursor.required_text("severity", report) {
        Some((text, _)) if text == "error" => Severity::Error,
        Some((text, _)) if text == "suspect" => Severity::Suspect,
        Some((text, place)) => {
            report.say(place, format!("`severity: {text}` is not known"), "write error or suspect");
            Severity::Suspect
        }
        None => Severity::Suspect,
    };
    let at_entry = cursor.flag("at_entry", report);
    let when = if at_entry {
        // What is refused at entry is never found on file.
        Some(("1 = 0".to_owned(), place.clone()))
    } else {
        formula(&mut cursor, "when", report)
    };
    let message = cursor.title("message", report);
    let advice = cursor.optional_title("advice", report);
    let fields: Vec<(String, Place)> =
        cursor.texts("fields", report).into_iter().map(|(name, place)| (name, place.clone())).collect();
    if at_entry && fields.is_empty() {
        report.say(place, format!("`{id}` does not say which fields refuse it"), "name them: `fields: [id_number]`");
    }
    if at_entry && cursor.node("when").is_some() {
        report.say(place, format!("`{id}` has both `when` and `at_entry`"), "remove one of them");
    }
    let clauses = clauses(&mut cursor, report);
    cursor.finish(report);
    let Some((formula, at)) = when else { return };
    if clash(pack, id, of, place, report) {
        return;
    }
    let variable = VariableId(pack.variables.len() as u16);
    declared.insert(variable, Type::Boolean);
    pack.variables.push(Variable {
        id: id.to_owned(),
        title: message,
        clauses,
        of,
        ty: Type::Boolean,
        formula,
        root: ExprId(u32::MAX),
        words: None,
        group: None,
        programme: None,
        check: Some(CheckId(pack.checks.len() as u16)),
        place: at,
    });
    pack.checks.push(Check { variable, severity, advice, fields, at_entry });
}

/// The fields that checks point to must exist.
pub(super) fn check_fields(pack: &Pack, report: &mut Report) {
    for check in &pack.checks {
        let Some(variable) = pack.variables.get(check.variable.index()) else { continue };
        for (name, place) in &check.fields {
            if name_text(pack, variable.of, name).is_none() {
                let own = fields_of(pack, variable.of);
                let advice = crate::diagnostic::nearest(name, own.iter().map(String::as_str))
                    .map_or("name fields, register.field or variables of the entity".to_owned(), |near| {
                        format!("did you mean `{near}`?")
                    });
                report.say(place, format!("{} has no `{name}`", pack.entity_id(variable.of)), advice);
            } else if check.at_entry && !pack.named_field(variable.of, name).is_some_and(Field::refuses) {
                let advice = "give the field a type with a check digit, a pattern, bounds, `required` or `unique`";
                report.say(place, format!("`{name}` refuses nothing at entry"), advice);
            }
        }
    }
}
