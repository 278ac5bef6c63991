//! Boards say what the registers hold; matches give both sides the same points.

use axum::http::StatusCode;
use bangfu_policy::model::ViewKind;
use bangfu_registry::views::boards;
use bangfu_registry::views::figures::Language;
use bangfu_registry::views::matching::{Matching, Side};

use super::fixture::{everything, get, registry, router, still};

const ROOT: &str = "15";

fn number(text: &str) -> u64 {
    text.replace(',', "").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stages_add_up_to_the_register_and_marks_to_the_month() {
    let site = still().await;
    let mut seen = 0;
    for view in &registry().await.pack.views {
        match view.kind {
            ViewKind::Pipeline { register, .. } => {
                let stages =
                    boards::pipeline(&everything(&site), &view.kind, ROOT, 17_166, Language::ENGLISH).await.unwrap();
                let sum: u64 = stages.iter().map(|stage| number(&stage.count)).sum();
                assert_eq!(sum, everything(&site).count(register, ROOT).await.unwrap(), "{}", view.id);
                for stage in &stages {
                    assert_eq!(stage.cards.is_empty(), stage.count == "0", "{} {}", view.id, stage.title);
                }
                seen += 1;
            }
            ViewKind::Calendar { .. } => {
                let first = boards::month(&everything(&site), &view.kind, ROOT, None, 17_166).await.unwrap();
                let month =
                    boards::calendar(&everything(&site), &site.places, &view.kind, ROOT, first, Language::ENGLISH)
                        .await
                        .unwrap();
                assert!(!month.rows.is_empty(), "{} has nothing in its newest month", view.id);
                assert_eq!(month.days.len(), first.days_in_month() as usize);
                if !month.cut {
                    let marks: u64 = month.marks.iter().map(|(.., count)| number(count)).sum();
                    let cells: usize = month.rows.iter().map(|row| row.total).sum();
                    assert!(cells as u64 <= marks && cells > 0, "{}: {cells} cells, {marks} marks", view.id);
                }
                seen += 1;
            }
            ViewKind::Matrix { .. } => {}
        }
    }
    assert!(seen >= 2, "the pack has no boards");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_has_the_same_points_from_both_sides() {
    let pack = &registry().await.pack;
    let site = still().await;
    let snapshot = site.ran.snapshot.as_deref().unwrap();
    let values = snapshot.matching(pack).unwrap();
    let mut pairs = 0;
    for definition in &pack.matches {
        let matching = Matching { pack, definition, snapshot, values, language: Language::ENGLISH };
        for row in matching.rows(Side::Offer, ROOT).take(5) {
            let offer = matching.key(Side::Offer, row).to_owned();
            let (candidates, all) = matching.candidates(Side::Offer, &offer).unwrap();
            assert!(candidates.len() <= all);
            assert!(candidates.is_sorted_by_key(|found| std::cmp::Reverse(found.score)), "{}", definition.id);
            for found in &candidates {
                assert_eq!(found.score, found.parts.iter().map(|part| part.points).sum::<u32>());
                assert!(found.parts.iter().all(|part| part.points <= part.of), "{:?}", found.parts);
                if let Some(level) = definition.within {
                    let digits = pack.levels[level.index()].digits;
                    let own = snapshot.division_of(pack, definition.with, row);
                    assert_eq!(own.get(..digits), found.division.get(..digits), "{}", definition.id);
                }
            }
            if let Some(best) = candidates.first() {
                let (back, _) = matching.candidates(Side::Seeker, &best.key).unwrap();
                let same = back.iter().find(|found| found.key == offer);
                assert!(same.is_none_or(|found| found.score == best.score), "{} {offer}", definition.id);
                assert!(back.first().is_some_and(|found| found.score >= best.score), "{} {offer}", definition.id);
                pairs += 1;
            }
        }
        assert!(matching.candidates(Side::Offer, "no such key").is_none());
    }
    assert!(pairs > 0, "no offer of the demo has candidates");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_not_found() {
    let router = router().await;
    let pack = &registry().await.pack;
    let of_match = format!("/matches/{}?for=nobody", pack.matches[0].id);
    for address in ["/boards/none", "/matches/none", "/policy/procedure/none", of_match.as_str()] {
        assert_eq!(get(&router, address, "lang=en").await.status, StatusCode::NOT_FOUND, "{address}");
    }
}
