//! Boundaries as SVG paths: Albers' equal-area projection, steps of colour, places for labels.
//!
//! Knows GeoJSON polygons and nothing of what the colours mean. All numbers that leave are in the units of the view
//! box, so that a page needs no script to draw them.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// A boundary: rings of longitude and latitude.
#[derive(Clone, Debug)]
pub struct Boundary {
    /// Division code.
    pub code: String,
    /// Code of the division above.
    pub parent: String,
    /// Outer rings and holes alike; the even-odd rule sorts them out.
    pub rings: Vec<Vec<[f64; 2]>>,
}

/// A shape on the page.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Shape {
    /// Division code.
    pub code: String,
    /// Value of the `d` attribute.
    pub path: String,
    /// Where a label is centred.
    pub x: f64,
    /// See `x`.
    pub y: f64,
    /// Width of the shape's box: labels that are wider are left out.
    pub width: f64,
}

/// A drawn map.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Drawing {
    /// Width of the view box.
    pub width: f64,
    /// Height of the view box.
    pub height: f64,
    /// Shapes in the order given.
    pub shapes: Vec<Shape>,
}

#[derive(Deserialize)]
struct Collection {
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    geometry: Geometry,
    properties: Properties,
}

#[derive(Deserialize)]
struct Properties {
    code: String,
    #[serde(default)]
    parent: String,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Polygon(Vec<Vec<[f64; 2]>>),
    MultiPolygon(Vec<Vec<Vec<[f64; 2]>>>),
}

/// Reads a GeoJSON collection of polygons with the properties `code` and `parent`.
pub fn boundaries(geojson: &str) -> Result<Vec<Boundary>, serde_json::Error> {
    let collection: Collection = serde_json::from_str(geojson)?;
    Ok(collection
        .features
        .into_iter()
        .map(|feature| Boundary {
            code: feature.properties.code,
            parent: feature.properties.parent,
            rings: match feature.geometry {
                Geometry::Polygon(rings) => rings,
                Geometry::MultiPolygon(polygons) => polygons.into_iter().flatten().collect(),
            },
        })
        .collect())
}

/// Draws boundaries into a view box of the given width; the height follows from the shapes, up to `max_height`.
pub fn draw(boundaries: &[&Boundary], width: f64, max_height: f64) -> Drawing {
    let points = || boundaries.iter().flat_map(|b| b.rings.iter().flatten());
    let Some(frame) = Extent::of(points().copied()) else { return Drawing::default() };
    let projection = Albers::over(&frame);
    let Some(extent) = Extent::of(points().map(|point| projection.project(*point))) else {
        return Drawing::default();
    };
    let margin = 4.0;
    let scale = ((width - 2.0 * margin) / (extent.right - extent.left).max(1e-9))
        .min((max_height - 2.0 * margin) / (extent.top - extent.bottom).max(1e-9));
    let place = |point: &[f64; 2]| {
        let [x, y] = projection.project(*point);
        [(x - extent.left) * scale + margin, (extent.top - y) * scale + margin]
    };
    let shapes = boundaries
        .iter()
        .map(|boundary| {
            let rings: Vec<Vec<[f64; 2]>> =
                boundary.rings.iter().map(|ring| ring.iter().map(place).collect()).collect();
            shape(&boundary.code, &rings)
        })
        .collect();
    Drawing {
        width: tenth((extent.right - extent.left) * scale + 2.0 * margin),
        height: tenth((extent.top - extent.bottom) * scale + 2.0 * margin),
        shapes,
    }
}

fn shape(code: &str, rings: &[Vec<[f64; 2]>]) -> Shape {
    let mut path = String::new();
    for ring in rings {
        for (i, [x, y]) in ring.iter().enumerate() {
            let pen = if i == 0 { 'M' } else { 'L' };
            // Writing to a text does not fail.
            let _ = write!(path, "{pen}{x:.1} {y:.1}");
        }
        path.push('Z');
    }
    let main = rings.iter().max_by(|a, b| area(a).abs().total_cmp(&area(b).abs()));
    let [x, y] = main.map_or([0.0, 0.0], |ring| label_point(ring));
    let extent = main.and_then(|ring| Extent::of(ring.iter().copied()));
    let width = extent.map_or(0.0, |e| e.right - e.left);
    Shape { code: code.to_owned(), path, x: tenth(x), y: tenth(y), width: tenth(width) }
}

/// The middle of the widest horizontal cut near the centre of mass: unlike the centre itself it lies inside, also in
/// the bent shape of the whole.
fn label_point(ring: &[[f64; 2]]) -> [f64; 2] {
    let Some(extent) = Extent::of(ring.iter().copied()) else { return [0.0, 0.0] };
    let [_, centre] = centroid(ring);
    let height = extent.top - extent.bottom;
    let mut best = ([f64::midpoint(extent.left, extent.right), centre], f64::MIN);
    for step in -6..=6_i32 {
        let y = centre + height * f64::from(step) * 0.05;
        let mut cuts: Vec<f64> = edges(ring)
            .filter(|([_, y1], [_, y2])| (*y1 <= y) != (*y2 <= y))
            .map(|([x1, y1], [x2, y2])| x1 + (y - y1) / (y2 - y1) * (x2 - x1))
            .collect();
        cuts.sort_by(f64::total_cmp);
        for pair in cuts.chunks_exact(2) {
            let &[left, right] = pair else { continue };
            let score = (right - left) - (y - centre).abs() * 1.5;
            if score > best.1 {
                best = ([f64::midpoint(left, right), y], score);
            }
        }
    }
    best.0
}

fn edges(ring: &[[f64; 2]]) -> impl Iterator<Item = ([f64; 2], [f64; 2])> + '_ {
    ring.iter().copied().zip(ring.iter().copied().cycle().skip(1))
}

fn area(ring: &[[f64; 2]]) -> f64 {
    edges(ring).map(|([x1, y1], [x2, y2])| x1 * y2 - x2 * y1).sum::<f64>() / 2.0
}

fn centroid(ring: &[[f64; 2]]) -> [f64; 2] {
    let whole = area(ring) * 6.0;
    if whole.abs() < 1e-9 {
        return ring.first().copied().unwrap_or([0.0, 0.0]);
    }
    let sum = edges(ring).fold([0.0, 0.0], |[x, y], ([x1, y1], [x2, y2])| {
        let cross = x1 * y2 - x2 * y1;
        [x + (x1 + x2) * cross, y + (y1 + y2) * cross]
    });
    [sum[0] / whole, sum[1] / whole]
}

fn tenth(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

/// Limits between `steps` classes of about equal size; the class of a value is the number of limits at or below it.
pub fn limits(values: &[f64], steps: usize) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut limits: Vec<f64> = (1..steps).filter_map(|i| sorted.get(sorted.len() * i / steps).copied()).collect();
    limits.dedup();
    limits.retain(|limit| sorted.first().is_some_and(|first| limit > first));
    limits
}

/// Class of a value.
pub fn step(value: f64, limits: &[f64]) -> usize {
    limits.iter().filter(|limit| **limit <= value).count()
}

struct Extent {
    left: f64,
    right: f64,
    bottom: f64,
    top: f64,
}

impl Extent {
    fn of(points: impl Iterator<Item = [f64; 2]>) -> Option<Self> {
        points.fold(None, |extent: Option<Self>, [x, y]| {
            let e = extent.unwrap_or(Self { left: x, right: x, bottom: y, top: y });
            Some(Self { left: e.left.min(x), right: e.right.max(x), bottom: e.bottom.min(y), top: e.top.max(y) })
        })
    }
}

/// Albers' conic projection with two standard parallels at a sixth from the edges.
struct Albers {
    n: f64,
    c: f64,
    rho: f64,
    middle: f64,
}

impl Albers {
    fn over(frame: &Extent) -> Self {
        let sixth = (frame.top - frame.bottom) / 6.0;
        let first = (frame.bottom + sixth).to_radians();
        let second = (frame.top - sixth).to_radians();
        let n = f64::midpoint(first.sin(), second.sin());
        let n = if n.abs() < 1e-6 { 1e-6 } else { n };
        let c = first.cos().powi(2) + 2.0 * n * first.sin();
        let centre = f64::midpoint(frame.bottom, frame.top).to_radians();
        let rho = (c - 2.0 * n * centre.sin()).max(0.0).sqrt() / n;
        Self { n, c, rho, middle: f64::midpoint(frame.left, frame.right).to_radians() }
    }

    fn project(&self, [longitude, latitude]: [f64; 2]) -> [f64; 2] {
        let rho = (self.c - 2.0 * self.n * latitude.to_radians().sin()).max(0.0).sqrt() / self.n;
        let theta = self.n * (longitude.to_radians() - self.middle);
        [rho * theta.sin(), self.rho - rho * theta.cos()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(code: &str, x: f64, y: f64) -> Boundary {
        let ring = vec![[x, y], [x + 1.0, y], [x + 1.0, y + 1.0], [x, y + 1.0], [x, y]];
        Boundary { code: code.to_owned(), parent: String::new(), rings: vec![ring] }
    }

    #[test]
    fn north_is_up_and_east_is_right() {
        let west = square("w", 110.0, 42.0);
        let north = square("n", 110.0, 43.0);
        let east = square("e", 111.0, 42.0);
        let drawing = draw(&[&west, &north, &east], 600.0, 400.0);
        let [w, n, e] = drawing.shapes.as_slice() else { panic!("three shapes") };
        assert!(n.y < w.y && e.x > w.x, "{drawing:?}");
        assert!(drawing.width <= 600.0 && drawing.height <= 400.1);
        for shape in &drawing.shapes {
            assert!(shape.x > 0.0 && shape.x < drawing.width && shape.y > 0.0 && shape.y < drawing.height);
        }
    }

    #[test]
    fn a_label_lies_inside_a_bent_shape() {
        // An L: its centre of mass lies in the notch.
        let ring = [[0.0, 0.0], [10.0, 0.0], [10.0, 1.0], [1.0, 1.0], [1.0, 10.0], [0.0, 10.0]];
        let [x, y] = label_point(&ring);
        assert!((0.0..=1.0).contains(&x) || (0.0..=1.0).contains(&y), "{x} {y}");
    }

    #[test]
    fn steps_hold_about_as_many_each() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let limits = limits(&values, 5);
        assert_eq!(limits, [20.0, 40.0, 60.0, 80.0]);
        assert_eq!(step(19.9, &limits), 0);
        assert_eq!(step(20.0, &limits), 1);
        assert_eq!(step(99.0, &limits), 4);
        assert!(super::limits(&[3.0, 3.0, 3.0], 5).is_empty(), "equal values are one class");
    }

    #[test]
    fn both_kinds_of_polygon_are_read() {
        let text = r#"{"type":"FeatureCollection","features":[
            {"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[1,2],[3,2],[3,4],[1,2]]]},
             "properties":{"code":"15","parent":""}},
            {"type":"Feature","geometry":{"type":"MultiPolygon","coordinates":[[[[1,2],[3,2],[3,4],[1,2]]]]},
             "properties":{"code":"1501"}}]}"#;
        let read = boundaries(text).unwrap();
        assert_eq!(read.iter().map(|b| b.rings.len()).collect::<Vec<_>>(), [1, 1]);
    }
}
