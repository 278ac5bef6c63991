//! Where overdue cases go up to: `escalates: [{after: 5, to: office}, {after: 10, to: bureau, urges: true}]`.

use super::cursor::{Cursor, Report};
use super::procedures::{days, role_named};
use super::tree::Node;
use crate::model::{LevelId, Pack, RoleId, Rung};

/// The rungs of a procedure or step, from the lowest level up.
pub(super) fn ladder(pack: &Pack, node: &Node, report: &mut Report) -> Vec<Rung> {
    let mut rungs: Vec<Rung> = Vec::new();
    for node in node.items() {
        let Some(mut cursor) = Cursor::new(node, "`escalates`", report) else { continue };
        cursor.required("after", report);
        let after = days(&mut cursor, "after", report);
        let to = cursor.required_text("to", report);
        let to = to.and_then(|(name, place)| role_named(pack, &name, place, report));
        let urges = cursor.flag("urges", report);
        cursor.finish(report);
        let (Some(after), Some(to)) = (after, to) else { continue };
        if let Some(below) = rungs.last()
            && (below.after >= after || level(pack, below.to) <= level(pack, to))
        {
            let advice = "list roles from the lower level to the higher, each after more days";
            report.say(&node.place, "an overdue case goes up step by step", advice);
        }
        rungs.push(Rung { after, to, urges });
    }
    rungs
}

/// Rungs that lie above a role: an overdue case goes up, never aside.
pub(super) fn above(pack: &Pack, role: RoleId, ladder: &[Rung]) -> Vec<Rung> {
    ladder.iter().filter(|rung| level(pack, rung.to) < level(pack, role)).cloned().collect()
}

fn level(pack: &Pack, role: RoleId) -> LevelId {
    pack.roles.get(role.index()).map_or(LevelId(0), |role| role.level)
}
