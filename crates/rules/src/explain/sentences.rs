//! Every sentence that an explanation can say, in both languages; others come with the pack, under these keys. `{0}`,
//! `{1}` … are the parts.

use bangfu_policy::model::Pack;

/// A sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sentence {
    /// A condition holds.
    Yes,
    /// A condition does not hold.
    No,
    /// A value.
    Is,
    /// A result that cannot be told.
    CannotTell,
    /// A result and its reason.
    Because,
    /// A field of a period is missing.
    PeriodMissing,
    /// A field is missing.
    FieldMissing,
    /// A parameter has no value.
    ParameterMissing,
    /// There is no record to take a value from.
    NoRecords,
    /// A change downwards.
    Lower,
    /// A change upwards.
    Higher,
    /// The rule.
    Rule,
    /// The condition that fails first.
    FirstFailing,
    /// A missing fact, with what to do.
    MissingFact,
    /// The nearest change.
    NearestChange,
    /// A parameter with its source.
    Parameter,
    /// A parameter that the run set.
    SetForThisRun,
    /// Clauses.
    Clauses,
    /// Word for yes.
    WordYes,
    /// Word for no.
    WordNo,
    /// Word for a value that cannot be told.
    WordUnknown,
}

/// All sentences: which, key, Chinese, English.
const TABLE: [(Sentence, &str, &str, &str); 21] = [
    (Sentence::Yes, "why-yes", "{0}：是", "{0}: yes"),
    (Sentence::No, "why-no", "{0}：否", "{0}: no"),
    (Sentence::Is, "why-is", "{0} 为 {1}", "{0} is {1}"),
    (Sentence::CannotTell, "why-cannot-tell", "{0}：无法判断", "{0}: cannot tell"),
    (Sentence::Because, "why-because", "{0} —— {1}", "{0} – {1}"),
    (Sentence::PeriodMissing, "why-period-missing", "缺少 {1} 的{0}（{2} {3}）", "{0} of {1} is missing ({2} {3})"),
    (Sentence::FieldMissing, "why-field-missing", "缺少{0}（{1} {2}）", "{0} is missing ({1} {2})"),
    (Sentence::ParameterMissing, "why-parameter-missing", "该日期没有参数“{0}”的数值", "the parameter “{0}” has no value on the date"),
    (Sentence::NoRecords, "why-no-records", "没有{0}记录可供取值", "there is no record of {0} to take a value from"),
    (Sentence::Lower, "why-lower", "{0}减少 {1}（由 {2} 变为 {3}）", "{0} lower by {1} (from {2} to {3})"),
    (Sentence::Higher, "why-higher", "{0}增加 {1}（由 {2} 变为 {3}）", "{0} higher by {1} (from {2} to {3})"),
    (Sentence::Rule, "why-rule", "规则：{0}", "Rule: {0}"),
    (Sentence::FirstFailing, "why-first-failing", "首先不满足：{0}（{1}）", "First condition that fails: {0} ({1})"),
    (Sentence::MissingFact, "why-missing-fact", "{0}；补录后即可判断", "{0}; once recorded, it can be told"),
    (Sentence::NearestChange, "why-nearest-change", "最接近的变化：{0}，结果即改变", "Nearest change that turns the answer: {0}"),
    (
        Sentence::Parameter,
        "why-parameter",
        "参数：{0} = {1} {2}（自 {3} 起；来源：{4}；可信度：{5}）",
        "Parameter: {0} = {1} {2} (from {3}; source: {4}; confidence: {5})",
    ),
    (Sentence::SetForThisRun, "why-set-for-this-run", "本次试算设定", "set for this run"),
    (Sentence::Clauses, "why-clauses", "依据条款：{0}", "Clauses: {0}"),
    (Sentence::WordYes, "why-word-yes", "是", "yes"),
    (Sentence::WordNo, "why-word-no", "否", "no"),
    (Sentence::WordUnknown, "why-word-unknown", "无法判断", "cannot tell"),
];

/// A sentence with its parts: in Chinese, in the words of the pack, or in English.
pub fn sentence(pack: &Pack, which: Sentence, language: &str, parts: &[&str]) -> String {
    said(Some(pack), which, language, parts)
}

/// See [`sentence`]; without a pack in Chinese or English.
pub(super) fn said(pack: Option<&Pack>, which: Sentence, language: &str, parts: &[&str]) -> String {
    let Some(&(_, key, zh, en)) = TABLE.iter().find(|(sentence, ..)| *sentence == which) else { return String::new() };
    let form = if language.starts_with("zh") { zh } else { pack.and_then(|pack| pack.phrase(language, key)).unwrap_or(en) };
    // Parts are put in from the form, so that braces inside a part stay as they are.
    let mut text = String::new();
    let mut rest = form;
    while let Some((before, after)) = rest.split_once('{') {
        text += before;
        let (number, after) = after.split_once('}').unwrap_or(("", after));
        text += number.parse().ok().and_then(|number: usize| parts.get(number)).copied().unwrap_or_default();
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_use_the_same_parts() {
        for (which, _, zh, en) in TABLE {
            for part in 0..6 {
                let mark = format!("{{{part}}}");
                assert_eq!(zh.contains(&mark), en.contains(&mark), "{which:?}");
            }
        }
        assert_eq!(sentence(Sentence::No, "why-no", "en", &["Poor {0}"]), "Poor {0}: no");
        assert_eq!(sentence(Sentence::No, "why-no", "zh", &["贫困"]), "贫困：否");
    }
}
