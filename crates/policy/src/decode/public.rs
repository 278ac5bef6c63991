//! What everybody may see: the section `public`.

use super::cursor::{Cursor, Report};
use super::screens::named;
use super::tree::Node;
use crate::model::{Pack, ProgrammeId, Public};

/// Reads the section; lists of several files add up.
pub(super) fn public(pack: &Pack, nodes: &[&Node], report: &mut Report) -> Public {
    let mut public = Public::default();
    for node in nodes {
        let Some(mut cursor) = Cursor::new(node, "`public`", report) else { continue };
        let known = || pack.parameters.iter().map(|parameter| parameter.id.clone()).collect();
        let find = |id: &str| pack.parameter(id);
        public.parameters.extend(named(&mut cursor, "parameters", report, "parameter", find, known));
        let known = || pack.programmes.iter().map(|programme| programme.id.clone()).collect();
        let find = |id: &str| pack.programmes.iter().position(|p| p.id == id).map(|n| ProgrammeId(n as u16));
        public.programmes.extend(named(&mut cursor, "programmes", report, "programme", find, known));
        cursor.finish(report);
    }
    public
}
