//! What the pack names as public: programmes, standards, registers, figures.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bangfu_policy::SourceFile;
use bangfu_policy::model::Value;
use bangfu_registry::casework::public::notice_of;
use bangfu_registry::packs;
use bangfu_registry::store::change::Actor;
use bangfu_registry::store::divisions::Division;
use bangfu_registry::store::{CaseFile, CaseState, ListQuery, Owner, Record, Scope};
use bangfu_server::site::{self, Site, Sources};

use super::fixture::{get, now, open, open_later, pack_folder, registry, send, still, store};
use super::public::registry_case;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programmes_and_standards_are_those_that_the_pack_names() {
    let site = open().await;
    let named = |id: &str| site.pack.public.parameters.iter().any(|p| site.pack.parameters[p.index()].id == id);
    assert!(named("nursing_subsidy") && !named("loan_overdue_max"));
    let router = site::router(site).unwrap();
    for (language, table, hidden, every) in [
        ("en", "Nursing subsidy for the severely disabled", "Overdue loans, upper bound", "each month"),
        ("zh", "补贴", "贷款逾期率", "每月"),
    ] {
        let page = get(&router, "/public/how", &format!("lang={language}")).await;
        assert_eq!(page.status, StatusCode::OK);
        let programme = page.text.split("id=\"programme-nursing_subsidy\"").nth(1).expect("the programme").to_owned();
        let programme = programme.split("</details>").next().unwrap();
        assert!(programme.contains(table) && programme.contains(every), "{programme}");
        // A table says for whom each of its rates is; who pays and how stands in the words of the pack.
        assert!(programme.matches("<span class=\"soft\">").count() >= 2, "{programme}");
        assert!(!page.text.contains(hidden), "a parameter that is not public");
        assert!(page.text.contains("id=\"programme-university_entry_aid\""));
    }
    // What has ended is not offered.
    let later = site::router(open_later().await).unwrap();
    let page = get(&later, "/public/how", "lang=en").await.text;
    assert!(
        page.contains("id=\"programme-nursing_subsidy\"") && !page.contains("id=\"programme-university_entry_aid\"")
    );
}

/// The cells of the first table of a page, row by row.
fn first_table(text: &str) -> Vec<Vec<String>> {
    let body = text.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    let tag = regex::Regex::new("<[^>]*>").unwrap();
    let cells = regex::Regex::new("(?s)<t[hd][^>]*>(.*?)</t[hd]>").unwrap();
    let row = |row: &str| cells.captures_iter(row).map(|found| tag.replace_all(&found[1], "").into_owned()).collect();
    body.split("</tr>").filter(|row| row.contains("<t")).map(row).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn funds_and_projects_are_shown_as_the_pack_names_them() {
    let site = still().await;
    let project = site.pack.register("project").unwrap();
    let everywhere = site.store.reader(&Scope::everything());
    let count = everywhere.count(project, &ListQuery::default()).await.unwrap();
    let public = site.pack.public.registers.clone();
    let titles: Vec<(String, Vec<String>)> = public
        .iter()
        .map(|public| {
            let register = &site.pack.registers[public.register.index()];
            let hidden = register.fields.iter().enumerate().filter(|(at, _)| !public.fields.contains(&(*at as u16)));
            let unit = |title: &String| {
                title.len() > 12
                    && !register.fields.iter().enumerate().any(|(at, field)| {
                        public.fields.contains(&(at as u16)) && field.title["en"].contains(title.as_str())
                    })
            };
            (register.id.clone(), hidden.map(|(_, field)| field.title["en"].clone()).filter(unit).collect())
        })
        .collect();
    let router = site::router(site).unwrap();
    let index = get(&router, "/public", "lang=en").await.text;
    for (id, hidden) in titles {
        assert!(index.contains(&format!("/public/registers/{id}\"")), "{id} is on the index");
        let page = get(&router, &format!("/public/registers/{id}"), "lang=en").await;
        assert_eq!(page.status, StatusCode::OK, "{id}");
        let body = page.text.split("<main").nth(1).unwrap();
        for title in hidden {
            assert!(!body.contains(&format!(">{title}<")), "{id} shows {title}");
        }
    }
    // The parts add up to the whole.
    let rows = first_table(&get(&router, "/public/registers/project", "lang=en").await.text);
    let number = |text: &String| text.replace(',', "").parse::<f64>().unwrap();
    for column in 1..rows[0].len() {
        let parts: f64 = rows[1..].iter().map(|row| number(&row[column])).sum();
        assert!((parts - number(&rows[0][column])).abs() < 0.01, "{column}: {rows:?}");
    }
    assert!(count > 0 && (number(&rows[0][1]) - count as f64).abs() < 0.1, "{rows:?}");
    let csv = get(&router, "/public/registers/project/export.csv", "lang=en").await;
    assert_eq!(csv.text.lines().count() as u64, count + 1);
    assert!(!csv.text.contains("Put in store"));
    for closed in ["household", "person", "complaint", "nothing"] {
        let page = get(&router, &format!("/public/registers/{closed}"), "lang=en").await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{closed}");
        let csv = get(&router, &format!("/public/registers/{closed}/export.csv"), "lang=en").await;
        assert_eq!(csv.status, StatusCode::NOT_FOUND, "{closed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_counts_are_not_told_nor_to_be_computed() {
    let router = site::router(open().await).unwrap();
    let village = registry().await.village.clone();
    let mut hidden = 0;
    for digits in [2, 4, 6, 9] {
        let division = &village[..digits];
        let page = get(&router, &format!("/public/figures?division={division}"), "lang=en").await;
        assert_eq!(page.status, StatusCode::OK);
        let rows = first_table(&page.text);
        for column in 1..=3 {
            let cells: Vec<&str> = rows.iter().map(|row| row[column].trim()).collect();
            let secret = cells[1..].iter().filter(|cell| matches!(**cell, "fewer than 5" | "withheld")).count();
            hidden += secret;
            let told = !matches!(cells[0], "fewer than 5" | "withheld");
            assert!(!told || secret != 1, "the hidden one is the total less the others: {division} {cells:?}");
            let small = |cell: &&str| cell.replace(',', "").parse::<i64>().is_ok_and(|count| count < 5);
            assert!(!cells.iter().any(small), "{division} {cells:?}");
            if !told {
                assert!(cells[1..].iter().all(|cell| cell.parse::<i64>().is_err()), "{division} {cells:?}");
            }
        }
        let csv = get(&router, &format!("/public/figures/export.csv?division={division}"), "lang=en").await.text;
        assert_eq!(csv.matches("fewer than 5").count(), page.text.matches("fewer than 5").count(), "{csv}");
    }
    assert!(hidden > 0, "no small count was met");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_is_sent_and_neither_it_nor_a_need_names_anybody() {
    let site = open().await;
    let banner = registry().await.village[..6].to_owned();
    let names = async |id: &str, field: &str| -> Vec<String> {
        let register = site.pack.register(id).unwrap();
        let at = site.pack.registers[register.index()].fields.iter().position(|known| known.id == field).unwrap();
        let query = ListQuery { division: Some(banner.clone()), limit: 2000, ..ListQuery::default() };
        let found = site.store.reader(&Scope::everything()).list(register, &query).await.unwrap().records;
        let text = |record: &Record| match record.values[at].clone() {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        };
        found.iter().filter_map(text).collect()
    };
    let (applicants, givers) = (names("help_need", "applicant").await, names("help_offer", "offered_by").await);
    assert!(!applicants.is_empty() && !givers.is_empty());
    let router = site::router(open().await).unwrap();
    let village = registry().await.village.clone();
    for (id, people) in [("help_need", applicants), ("help_offer", givers)] {
        // Also whoever asks for a village is told about its banner only.
        let page = get(&router, &format!("/public/registers/{id}?division={village}"), "lang=zh").await;
        assert_eq!(page.status, StatusCode::OK);
        let csv = get(&router, &format!("/public/registers/{id}/export.csv?division={village}"), "lang=zh").await.text;
        assert!(csv.lines().count() > 1, "{id}: {csv}");
        let rows = page.text.split("<table>").skip(1).collect::<String>();
        for name in people {
            assert!(!rows.contains(&name) && !csv.contains(&name), "{id} names {name}");
        }
        assert_eq!(first_table(&page.text).len(), 1, "{id} is not told by anything below the banner");
    }
    let before = first_table(&get(&router, "/public/registers/help_offer", "lang=en").await.text)[0][1].clone();
    let request = Request::builder()
        .method("POST")
        .uri(format!("/public/ask/help_offer_publication?division={banner}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-forwarded-for", "10.0.0.7")
        .header("cookie", "lang=en");
    let body = "v.kind=goods&v.amount=200&v.places=3&v.offered_by=Somebody&v.contact=15900000001";
    let taken = send(&router, request.body(Body::from(body)).unwrap()).await;
    assert_eq!(taken.status, StatusCode::OK, "{}", taken.text);
    let code = taken.text.split("<code class=\"long\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let waits = registry_case(&code).await;
    assert_eq!(waits.procedure, "help_offer_publication");
    assert!(!waits.proposal.contains("15900000001"), "a secret is frozen");
    let after = first_table(&get(&router, "/public/registers/help_offer", "lang=en").await.text)[0][1].clone();
    assert_eq!(before, after, "it is not shown before it was checked");
}

/// A register in which a village asks for a further script, and a notice that has one. The word means "Mongol".
const TRIED: &str = r#"
registers:
  notice_wish:
    of: village
    one: true
    title: {zh: 公示文字, en: Script of notices}
    fields:
      vertical: {type: boolean, title: {zh: 蒙古文, en: Mongolian too}}
procedures:
  tried_notice:
    title: {zh: 试用公示, en: Tried notice}
    subject: project
    notice:
      words: {zh: 现予公示。, en: These are made public.}
      shows: [name]
      phone: "12317"
      beside: {language: mn-Mong, vertical: true, title: ᠮᠣᠩᠭᠣᠯ, shows: [content], where: notice_wish.vertical}
    steps:
      - {id: post, title: {zh: 公示, en: Notice}, role: village_clerk, kind: notice, days: 7}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_bears_a_further_script_where_the_village_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = packs::read_folder(&pack_folder()).unwrap();
    files.push(SourceFile { path: "tried.yaml".to_owned(), text: TRIED.to_owned() });
    let pack = Arc::new(bangfu_policy::load(&files).unwrap_or_else(|found| panic!("{found:#?}")));
    let store = store(folder.path(), &pack).await;
    let at = now();
    let mut change = store.change(&Scope::everything(), &Actor::console("test"), "", at).await.unwrap();
    let (asks, asks_not) = ("150421100200", "150421100201");
    let codes = ["15", "1504", "150421", &asks[..9], asks, asks_not];
    let division = |code: &str| Division {
        level: pack.level_of_code(code).unwrap().index(),
        code: code.to_owned(),
        name: format!("地{code}"),
        name_en: String::new(),
    };
    change.divisions(&codes.map(division)).await.unwrap();
    let project = pack.register("project").unwrap();
    let field =
        |id: &str| pack.registers[project.index()].fields.iter().position(|field| field.id == id).unwrap() as u16;
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    let wish = [(0, Some(Value::Boolean(true)))];
    let own = Owner::Division(asks.to_owned());
    change.insert(pack.register("notice_wish").unwrap(), &own, None, &wish).await.unwrap();
    let procedure = pack.procedures.iter().find(|procedure| procedure.id == "tried_notice").unwrap();
    let mut notices = Vec::new();
    for village in [asks, asks_not] {
        let values = [
            (field("project_no"), text(village)),
            (field("name"), text("修桥")),
            (field("content"), text("ᠮᠣᠩᠭᠣᠯ ᠮᠣᠩᠭᠣᠯ")),
        ];
        let record = change.insert(project, &Owner::Division(village.to_owned()), None, &values).await.unwrap();
        let case = CaseFile {
            id: 0,
            procedure: procedure.id.clone(),
            subject: "project".to_owned(),
            record: Some(record.0),
            division: village.to_owned(),
            name: "修桥".to_owned(),
            step: 0,
            state: CaseState::Open,
            opened: at,
            since: at,
            posted: Some(at),
            due: None,
            version: 1,
            proposal: "{}".to_owned(),
            code: village.to_owned(),
        };
        change.open_case(&case).await.unwrap();
        notices.push(notice_of(&pack, procedure, &case).unwrap());
    }
    change.commit().await.unwrap();
    let sources = Sources { data: folder.path().to_owned(), pack_folder: pack_folder(), ..Sources::default() };
    let router = site::router(Site::open(Arc::clone(&pack), store, &sources).await.unwrap()).unwrap();
    let page = async |at: usize| get(&router, &format!("/public/notices/{}", notices[at]), "lang=zh").await;
    let both = page(0).await;
    assert_eq!(both.status, StatusCode::OK, "{}", both.text);
    let beside = both.text.split("<section class=\"beside vertical\" lang=\"mn-Mong\">").nth(1).expect("the script");
    let beside = beside.split("</section>").next().unwrap();
    assert!(beside.contains(">ᠮᠣᠩᠭᠣᠯ<") && beside.contains("ᠮᠣᠩᠭᠣᠯ ᠮᠣᠩᠭᠣᠯ"), "{beside}");
    assert!(both.text.contains("修桥") && both.text.contains("class=\"seal\""));
    let one = page(1).await;
    assert!(one.status == StatusCode::OK && one.text.contains("修桥") && !one.text.contains("mn-Mong"), "{}", one.text);
}
