//! Text → syntax tree, and where in the pack a part of it stands.

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, InTarget, Spanned};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::diagnostic::Diagnostic;
use crate::model::Place;

/// Longest formula; longer ones are for several variables.
const MOST_CHARACTERS: usize = 8_000;
/// Nesting of brackets and calls.
const MOST_NESTING: usize = 48;

/// Parses a formula.
#[expect(clippy::result_large_err, reason = "a formula is refused once, not in a hot loop")]
pub(super) fn formula(text: &str, place: &Place) -> Result<Expr, Diagnostic> {
    if text.len() > MOST_CHARACTERS {
        return Err(Diagnostic::new(
            place,
            format!("the formula has {} characters; at most {MOST_CHARACTERS} are read", text.len()),
            "give parts of it a name of their own as variables".to_owned(),
        ));
    }
    if text.trim().is_empty() {
        return Err(Diagnostic::new(place, "the formula is empty".to_owned(), "write an expression".to_owned()));
    }
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location();
    let tokens = tokens.map_err(|error| syntax(&ParserError::from(error), place))?;
    let parser = Parser::new(&dialect).with_recursion_limit(MOST_NESTING);
    let mut parser = parser.with_tokens_with_locations(plain_aggregates(tokens));
    let tree = parser.parse_expr().map_err(|error| syntax(&error, place))?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        let start = rest.span.start;
        return Err(Diagnostic::new(
            &inside(place, start.line, start.column),
            format!("the formula ends before `{}`", rest.token),
            "write one expression; did an operator (and, or, +, =) go missing?".to_owned(),
        ));
    }
    Ok(tree)
}

/// `any(…)` and `all(…)` are our aggregates, not the right side of SQL's `x = any (…)`.
fn plain_aggregates(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    for token in &mut tokens {
        if let Token::Word(word) = &mut token.token
            && matches!(word.keyword, Keyword::ANY | Keyword::ALL | Keyword::SOME)
        {
            word.keyword = Keyword::NoKeyword;
        }
    }
    tokens
}

fn syntax(error: &ParserError, place: &Place) -> Diagnostic {
    let (message, advice) = match error {
        ParserError::RecursionLimitExceeded => {
            ("the formula is nested too deeply".to_owned(), "give inner parts a name of their own as variables")
        }
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            (message.clone(), "write a SQL expression as docs/pack-format.md lists them")
        }
    };
    let (words, line, column) = split_location(&message);
    Diagnostic::new(&inside(place, line, column), format!("this is not a formula: {words}"), advice.to_owned())
}

/// `… at Line: 1, Column: 5` → words, 1, 5.
fn split_location(message: &str) -> (&str, u64, u64) {
    let Some((words, location)) = message.rsplit_once(" at Line: ") else { return (message, 1, 1) };
    let mut numbers = location.split(", Column: ").map(|part| part.trim().parse().unwrap_or(1));
    (words, numbers.next().unwrap_or(1), numbers.next().unwrap_or(1))
}

/// Place of a line and column (from 1) of a formula that begins at `place`.
fn inside(place: &Place, line: u64, column: u64) -> Place {
    let (line, column) = (line.max(1) as usize, column.max(1) as usize);
    // All lines of a block are indented like its first.
    let column = place.column + column - 1;
    Place { file: place.file.clone(), line: place.line + line - 1, column }
}

/// Place of a part of a formula that begins at `place`.
pub(super) fn place_of(part: &Expr, place: &Place) -> Place {
    let start = part.span().start;
    if start.line == 0 { place.clone() } else { inside(place, start.line, start.column) }
}

/// Calls `found` with every dotted name of an expression.
pub(super) fn names_in(tree: &Expr, found: &mut dyn FnMut(&[String])) {
    let mut open = vec![tree];
    while let Some(tree) = open.pop() {
        match tree {
            Expr::Identifier(name) => found(std::slice::from_ref(&name.value)),
            Expr::CompoundIdentifier(names) => {
                let path: Vec<_> = names.iter().map(|name| name.value.clone()).collect();
                found(&path);
            }
            Expr::Nested(a)
            | Expr::UnaryOp { expr: a, .. }
            | Expr::IsNull(a)
            | Expr::IsNotNull(a)
            | Expr::IsTrue(a)
            | Expr::IsNotTrue(a)
            | Expr::IsFalse(a)
            | Expr::IsNotFalse(a)
            | Expr::IsUnknown(a)
            | Expr::IsNotUnknown(a)
            | Expr::Extract { expr: a, .. }
            | Expr::Floor { expr: a, .. }
            | Expr::Ceil { expr: a, .. } => open.push(a),
            Expr::BinaryOp { left, right, .. } => open.extend([left.as_ref(), right.as_ref()]),
            Expr::Between { expr, low, high, .. } => open.extend([expr.as_ref(), low.as_ref(), high.as_ref()]),
            Expr::In { expr, target: InTarget::List(list), .. } => {
                open.push(expr);
                open.extend(list);
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                open.extend(operand.as_deref());
                open.extend(else_result.as_deref());
                open.extend(conditions.iter().flat_map(|when| [&when.condition, &when.result]));
            }
            Expr::Function(function) => {
                open.extend(function.filter.as_deref());
                if let FunctionArguments::List(list) = &function.args {
                    open.extend(list.args.iter().filter_map(|argument| match argument {
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(tree)) => Some(tree),
                        _ => None,
                    }));
                }
            }
            _ => {}
        }
    }
}
