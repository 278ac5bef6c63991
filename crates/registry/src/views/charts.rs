//! Geometry of the small charts: the income waterfall and the trend line.
//!
//! Pure arithmetic from numbers to positions in a view box; texts and colours belong to the template.

use serde::Serialize;

/// A step of a waterfall before it is drawn: title and signed amount.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// Words.
    pub title: String,
    /// Signed; `None`: not known.
    pub amount: Option<i64>,
}

/// A bar of a waterfall.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Bar {
    /// Words.
    pub title: String,
    /// `plus`, `minus`, `total`, `unknown` or `none`.
    pub kind: &'static str,
    /// Left edge.
    pub x: f64,
    /// Width.
    pub width: f64,
    /// Top edge.
    pub y: f64,
    /// Where the bar ends: the connector to the next one stands here.
    pub end: f64,
}

/// A drawn waterfall: horizontal bars from the top down.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Waterfall {
    /// Width of the view box.
    pub width: f64,
    /// Height of the view box.
    pub height: f64,
    /// Where the bars begin.
    pub left: f64,
    /// Height of a bar.
    pub bar: f64,
    /// Position of zero.
    pub zero: f64,
    /// Position of the line to compare with.
    pub line: Option<f64>,
    /// Bars.
    pub bars: Vec<Bar>,
}

const LEFT: f64 = 150.0;
const RIGHT: f64 = 80.0;
const ROW: f64 = 26.0;
const BAR: f64 = 16.0;

/// Draws the parts one after the other, then the total, against a line of the same unit.
pub fn waterfall(parts: &[Part], total: &Part, line: Option<i64>, width: f64) -> Waterfall {
    let mut level = 0_i64;
    let mut spans: Vec<(i64, i64)> = Vec::with_capacity(parts.len());
    for part in parts {
        let next = level.saturating_add(part.amount.unwrap_or(0));
        spans.push((level, next));
        level = next;
    }
    let ends = || spans.iter().map(|span| span.1).chain(total.amount).chain(line);
    let low = ends().min().unwrap_or(0).min(0);
    let high = ends().max().unwrap_or(0).max(low.saturating_add(1));
    let scale = (width - LEFT - RIGHT) / (high.saturating_sub(low)) as f64;
    let at = |amount: i64| tenth(LEFT + (amount.saturating_sub(low)) as f64 * scale);
    let bar = |row: usize, part: &Part, (from, to): (i64, i64), kind: &'static str| Bar {
        title: part.title.clone(),
        kind,
        x: at(from.min(to)),
        width: tenth((at(from.max(to)) - at(from.min(to))).max(1.0)),
        y: row as f64 * ROW + 6.0,
        end: at(to),
    };
    let mut bars: Vec<Bar> = parts
        .iter()
        .zip(&spans)
        .enumerate()
        .map(|(row, (part, span))| bar(row, part, *span, kind_of(part.amount)))
        .collect();
    let kind = if total.amount.is_some() { "total" } else { "unknown" };
    bars.push(bar(parts.len(), total, (0, total.amount.unwrap_or(0)), kind));
    Waterfall {
        width,
        height: bars.len() as f64 * ROW + 22.0,
        left: LEFT,
        bar: BAR,
        zero: at(0),
        line: line.map(at),
        bars,
    }
}

fn kind_of(amount: Option<i64>) -> &'static str {
    match amount {
        None => "unknown",
        Some(0) => "none",
        Some(n) if n < 0 => "minus",
        Some(_) => "plus",
    }
}

/// A point of a trend line.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Point {
    /// Period as written.
    pub period: String,
    /// Position.
    pub x: f64,
    /// Position.
    pub y: f64,
    /// The value, with separators.
    pub value: String,
}

/// A drawn trend line.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Trend {
    /// Width of the view box.
    pub width: f64,
    /// Height of the view box.
    pub height: f64,
    /// Value of the `points` attribute of a polyline.
    pub line: String,
    /// The points.
    pub points: Vec<Point>,
}

/// Draws values of successive periods; the vertical axis begins at zero so that slopes are honest.
pub fn trend(values: &[(String, f64, String)], width: f64, height: f64) -> Trend {
    let high = values.iter().map(|(_, v, _)| *v).fold(0.0, f64::max).max(1e-9);
    let low = values.iter().map(|(_, v, _)| *v).fold(0.0, f64::min);
    let step = (width - 60.0) / values.len().saturating_sub(1).max(1) as f64;
    let points: Vec<Point> = values
        .iter()
        .enumerate()
        .map(|(i, (period, value, text))| Point {
            period: period.clone(),
            x: tenth(30.0 + i as f64 * step),
            y: tenth(height - 20.0 - (value - low) / (high - low) * (height - 40.0)),
            value: text.clone(),
        })
        .collect();
    let line = points.iter().map(|p| format!("{},{}", p.x, p.y)).collect::<Vec<_>>().join(" ");
    Trend { width, height, line, points }
}

fn tenth(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(title: &str, amount: Option<i64>) -> Part {
        Part { title: title.to_owned(), amount }
    }

    #[test]
    fn bars_follow_each_other_and_the_total_stands_on_zero() {
        let parts = [part("a", Some(600)), part("b", Some(-200)), part("c", None), part("d", Some(0))];
        let drawn = waterfall(&parts, &part("t", Some(400)), Some(500), 600.0);
        let kinds: Vec<&str> = drawn.bars.iter().map(|bar| bar.kind).collect();
        assert_eq!(kinds, ["plus", "minus", "unknown", "none", "total"]);
        let [first, second, .., total] = drawn.bars.as_slice() else { panic!("five bars") };
        let right = |bar: &Bar| bar.x + bar.width;
        assert!((right(first) - right(second)).abs() < 0.2, "the second goes back from where the first ended");
        assert!((total.x - drawn.zero).abs() < 0.01 && (total.end - second.end).abs() < 0.2);
        assert!(drawn.line.unwrap() > total.end && drawn.line.unwrap() < first.end);
        assert!(drawn.bars.iter().all(|bar| bar.x >= LEFT && bar.x + bar.width <= 600.0 - RIGHT + 1.1));
    }

    #[test]
    fn a_loss_goes_left_of_zero() {
        let drawn = waterfall(&[part("a", Some(-300))], &part("t", Some(-300)), None, 600.0);
        assert!(drawn.bars.iter().all(|bar| bar.end < drawn.zero));
    }

    #[test]
    fn a_trend_begins_at_zero_and_runs_right() {
        let value = |year: i32, v: f64| (year.to_string(), v, v.to_string());
        let drawn = trend(&[value(2014, 10.0), value(2015, 5.0), value(2016, 0.0)], 300.0, 100.0);
        let ys: Vec<f64> = drawn.points.iter().map(|p| p.y).collect();
        assert_eq!(ys, [20.0, 50.0, 80.0]);
        assert_eq!(trend(&[], 300.0, 100.0).line, "");
        assert_eq!(trend(&[value(2015, 0.0)], 300.0, 100.0).points.len(), 1);
    }
}
