//! Sums that are asked for between runs: the cells of a book.

use std::collections::HashMap;
use std::sync::Arc;

use bangfu_policy::ir::{ExprId, Scalar};
use bangfu_policy::model::{Pack, ParameterId};
use rayon::prelude::*;

use super::{Beginning, EngineError, Evaluated, Layout, Program, Request, Wanted};
use crate::frame::Frame;
use crate::indicators::{Figures, Quotient, division_roots, figures, gathers};

/// Sums that are gathered at a time: each needs a slot for every smallest division and thread.
const AT_ONCE: usize = 96;

/// Quotients for every division of every level, in their order, handed over as they are made.
///
/// # Errors
/// Rows in which a live operation overflows or divides by zero.
pub(crate) fn measure(
    pack: &Pack,
    frame: &Frame,
    overrides: &[(ParameterId, Scalar)],
    quotients: &[Quotient<'_>],
    mut take: impl FnMut(Vec<Figures>),
) -> Result<(), EngineError> {
    let layout = Arc::new(Layout::new(pack, frame));
    let request = Request { overrides: overrides.to_vec(), outputs: Some(Vec::new()), indicators: false, threads: 0 };
    for some in quotients.chunks(AT_ONCE) {
        let beginning = Beginning {
            layout: Some(Arc::clone(&layout)),
            given: HashMap::new(),
            kept: division_roots(some.iter().copied()).collect(),
            wanted: gathers(pack, some.iter().copied()),
        };
        let program = Program::begin(pack, frame, &request, beginning);
        let Evaluated { kept, gathered, .. } = program.evaluate()?;
        let sums = |wanted: &Wanted| gathered.get(*program.plan.places.get(wanted)?).map(Vec::as_slice);
        let value = |id: ExprId| program.reader(&kept, id);
        take(some.par_iter().map(|one| figures(pack, frame, &layout, *one, &sums, &value)).collect());
    }
    Ok(())
}
