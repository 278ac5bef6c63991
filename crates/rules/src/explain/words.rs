//! Nodes of the graph in the words of the pack: titles instead of names, operators as people write them.

use bangfu_policy::ir::{Aggregate, Comparison, DatePart, ExprId, Op, Scalar, Type};
use bangfu_policy::model::{Pack, RegisterKind, text_in};
use bangfu_policy::value::format_scalar;

use super::sentences::{Sentence, sentence};

/// A value for readers.
pub(super) fn written(pack: &Pack, value: Scalar, ty: Type, language: &str) -> String {
    match (value, ty) {
        (Scalar::Missing, _) => sentence(pack, Sentence::WordUnknown, language, &[]),
        (Scalar::Boolean(true), _) => sentence(pack, Sentence::WordYes, language, &[]),
        (Scalar::Boolean(false), _) => sentence(pack, Sentence::WordNo, language, &[]),
        (Scalar::Integer(position), Type::Code(list)) => {
            let code = usize::try_from(position).ok().and_then(|at| pack.codes.get(list.index())?.values.get(at));
            code.map_or_else(|| position.to_string(), |code| text_in(&code.label, language).to_owned())
        }
        (value, ty) => format_scalar(value, ty, pack),
    }
}

/// A node in words; deeper than `depth` operators it becomes an ellipsis.
pub(super) fn words(pack: &Pack, node: ExprId, language: &str, depth: usize) -> String {
    let definition = &pack.graph[node];
    let zh = language.starts_with("zh");
    let below = |node: ExprId| {
        let leaf = matches!(
            pack.graph[node].op,
            Op::Variable { .. }
                | Op::Field { .. }
                | Op::Parameter { .. }
                | Op::Literal(_)
                | Op::Broadcast { .. }
                | Op::AsOf { .. }
        );
        if depth == 0 && !leaf { "…".to_owned() } else { words(pack, node, language, depth.saturating_sub(1)) }
    };
    let inner = |node: ExprId| {
        let text = below(node);
        let compound = matches!(
            pack.graph[node].op,
            Op::Add(..)
                | Op::Subtract(..)
                | Op::Multiply(..)
                | Op::And(_)
                | Op::Or(_)
                | Op::Compare(..)
                | Op::Case { .. }
        );
        if compound { format!("({text})") } else { text }
    };
    let join = |parts: &[ExprId], by: &str| parts.iter().map(|part| inner(*part)).collect::<Vec<_>>().join(by);
    let call = |name: &str, parts: &[ExprId]| {
        format!("{name}({})", parts.iter().map(|p| below(*p)).collect::<Vec<_>>().join(", "))
    };
    // The parts of a sum stand on one level, however its tree leans.
    let chain = |node: ExprId| match pack.graph[node].op {
        Op::Add(..) | Op::Subtract(..) => words(pack, node, language, depth),
        _ => below(node),
    };
    let pick = |key: &str, chinese: &'static str, english: &'static str| {
        if zh { chinese } else { pack.phrase(language, key).unwrap_or(english) }
    };
    match &definition.op {
        Op::Literal(value) => written(pack, *value, definition.ty, language),
        Op::Field { field, shift } => {
            let title = pack.field(*field).map_or("", |field| text_in(&field.title, language));
            shifted(pack, title, *shift, language)
        }
        Op::Period { register, shift } => {
            let title = pack.registers.get(register.index()).map_or("", |register| text_in(&register.title, language));
            shifted(pack, &format!("{title}{}", pick("why-word-period", "所属期", " period")), *shift, language)
        }
        Op::AsOf { shift } => shifted(pack, pick("why-word-as-of", "计算日期", "date of the run"), *shift, language),
        Op::Parameter { parameter, key, shift, .. } => {
            let title = pack.parameters.get(parameter.index()).map_or("", |p| text_in(&p.title, language));
            let title = shifted(pack, title, *shift, language);
            key.map_or(title.clone(), |key| format!("{title}[{}]", below(key)))
        }
        Op::Variable { variable, shift, .. } => {
            shifted(pack, pack.variables.get(variable.index()).map_or("", |v| text_in(&v.title, language)), *shift, language)
        }
        Op::Broadcast { value, from } => {
            let entity = pack.entity_title(*from).map_or("", |title| text_in(title, language));
            let constant = matches!(pack.graph[*value].op, Op::Parameter { .. });
            if constant { below(*value) } else { format!("{entity}{}{}", pick("why-word-of", "的", ": "), below(*value)) }
        }
        Op::Aggregate { function, over, value, filter } => {
            let entity = pack.entity_title(*over).map_or("", |title| text_in(title, language));
            let name = match function {
                Aggregate::Count => pick("why-word-count", "数量", "number of"),
                Aggregate::Sum => pick("why-word-sum", "合计", "sum over"),
                Aggregate::Minimum => pick("why-word-minimum", "最小", "smallest over"),
                Aggregate::Maximum => pick("why-word-maximum", "最大", "largest over"),
                Aggregate::Any => pick("why-word-any", "任一", "any"),
                Aggregate::All => pick("why-word-all", "全部", "all"),
            };
            let value = value.map(|value| format!(": {}", below(value))).unwrap_or_default();
            let filter =
                filter.map(|filter| format!("{}{}", pick("why-word-where", "，其中 ", ", where "), below(filter))).unwrap_or_default();
            format!("{name} {entity}{value}{filter}")
        }
        Op::Add(a, b) | Op::AddDays(a, b) => format!("{} + {}", chain(*a), below(*b)),
        Op::Subtract(a, b) => format!("{} − {}", chain(*a), inner(*b)),
        Op::Multiply(a, b) => format!("{} × {}", inner(*a), inner(*b)),
        Op::Divide { numerator, denominator, .. } => format!("{} ÷ {}", inner(*numerator), inner(*denominator)),
        Op::Rescale { value, .. } => below(*value),
        Op::Negate(a) => format!("−{}", inner(*a)),
        Op::Absolute(a) => call(pick("why-word-absolute", "绝对值", "absolute value of"), &[*a]),
        Op::Least(parts) => call(pick("why-word-least", "最小值", "least of"), parts),
        Op::Greatest(parts) => call(pick("why-word-greatest", "最大值", "greatest of"), parts),
        Op::Coalesce(parts) => join(parts, pick("why-word-coalesce", "，缺失时取 ", ", or if missing ")),
        Op::NullIf(a, b) => format!("{} ({} {})", below(*a), pick("why-word-unless", "不取", "unless"), below(*b)),
        Op::Compare(comparison, a, b) => format!("{} {} {}", below(*a), sign(*comparison), below(*b)),
        Op::CompareQuotient { comparison, numerator, denominator, right } => {
            format!("{} ÷ {} {} {}", inner(*numerator), inner(*denominator), sign(*comparison), below(*right))
        }
        Op::In(a, list) => {
            let labels = list.iter().map(|value| written(pack, Scalar::Integer(*value), pack.graph[*a].ty, language));
            format!("{} {} {}", below(*a), pick("why-word-in", "属于", "is one of"), labels.collect::<Vec<_>>().join(pick("why-word-list", "、", ", ")))
        }
        Op::TextIn(a, list) => {
            format!("{} {} {}", below(*a), pick("why-word-in", "属于", "is one of"), list.join(pick("why-word-list", "、", ", ")))
        }
        Op::IsMissing(a) => format!("{} {}", below(*a), pick("why-word-missing", "缺失", "is missing")),
        Op::IsTruth(a, truth) => {
            let truth = written(pack, Scalar::Boolean(*truth), Type::Boolean, language);
            format!("{} {} {truth}", inner(*a), pick("why-word-certainly", "确定为", "is certainly"))
        }
        Op::Not(a) => format!("{}{}", pick("why-word-not", "非 ", "not "), inner(*a)),
        Op::And(parts) => join(parts, pick("why-word-and", " 且 ", " and ")),
        Op::Or(parts) => join(parts, pick("why-word-or", " 或 ", " or ")),
        Op::Case { arms, otherwise } => {
            let arms = arms.iter().map(|(condition, value)| {
                format!("{} {}{} {}", pick("why-word-if", "若", "if"), below(*condition), pick("why-word-then", "，则", ":"), below(*value))
            });
            let last = format!("{} {}", pick("why-word-else", "否则", "else"), below(*otherwise));
            arms.chain([last]).collect::<Vec<_>>().join(pick("why-word-arms", "；", "; "))
        }
        Op::Age { birth, on } => format!("{} ({} → {})", pick("why-word-age", "周岁", "age"), below(*birth), below(*on)),
        Op::Months { from, to } => format!("{} ({} → {})", pick("why-word-months-between", "月数", "months"), below(*from), below(*to)),
        Op::DatePart(part, a) => {
            let part = match part {
                DatePart::Year => pick("why-word-year", "年份", "year of"),
                DatePart::Month => pick("why-word-month", "月份", "month of"),
                DatePart::Day => pick("why-word-day", "日", "day of"),
            };
            format!("{part} {}", inner(*a))
        }
        Op::AddMonths(a, b) => format!("{} + {} {}", below(*a), below(*b), pick("why-word-months", "个月", "months")),
        Op::MakeDate(y, m, d) => call(pick("why-word-date", "日期", "date"), &[*y, *m, *d]),
    }
}

/// A title some periods earlier. The words of a pack hold the title as `{0}` and the number as `{1}`.
fn shifted(pack: &Pack, title: &str, shift: i32, language: &str) -> String {
    let zh = language.starts_with("zh");
    let own = |key: &str| Some(pack.phrase(language, key)?.replace("{0}", title).replace("{1}", &(-shift).to_string()));
    match (shift, zh) {
        (0, _) => title.to_owned(),
        (-1, true) => format!("上期{title}"),
        (n, true) => format!("前{}期{title}", -n),
        (-1, false) => own("why-word-before").unwrap_or_else(|| format!("{title}, one period earlier")),
        (n, false) => own("why-word-earlier").unwrap_or_else(|| format!("{title}, {} periods earlier", -n)),
    }
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "≠",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "≤",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => "≥",
    }
}

/// Name of a field as formulas write it: with its register when that is attached.
pub(super) fn field_name(pack: &Pack, field: bangfu_policy::model::FieldRef) -> String {
    let id = pack.field(field).map_or("", |field| field.id.as_str());
    match pack.registers.get(field.register.index()) {
        Some(register) if register.kind != RegisterKind::Entity => format!("{}.{id}", register.id),
        _ => id.to_owned(),
    }
}
