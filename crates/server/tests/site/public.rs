//! What everybody sees: notices for exactly their days, one's own case, forms.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bangfu_policy::model::{Role, StepKind, Value};
use bangfu_registry::casework::acts::Desk;
use bangfu_registry::casework::flow::{Act, Votes, With};
use bangfu_registry::casework::proposal::{Grounds, Subject};
use bangfu_registry::casework::public::Board;
use bangfu_registry::store::{CaseFile, ListQuery, Record, Scope};
use bangfu_registry::views::figures::Language;
use bangfu_server::site::{self, Site};

use super::fixture::{everything, get, now, open, registry, send, session_as, signed_in_as};

fn role<'p>(site: &'p Site, id: &str) -> &'p Role {
    site.pack.roles.iter().find(|role| role.id == id).unwrap()
}

async fn act(site: &Site, as_role: &str, person: &str, case: &CaseFile, act: Act, with: &With, at: i64) -> CaseFile {
    let role = role(site, as_role);
    let digits = site.pack.levels[role.level.index()].digits;
    let session = session_as(site, role, &case.division[..digits], person).await;
    let who = bangfu_registry::access::sign_in::who(&site.store, &session, false, now()).await.unwrap();
    let facts = site.facts(&who.scope);
    let desk = Desk { facts: &facts, who: &who, now: at };
    desk.act(case.id, case.version, act, with, None).await.unwrap()
}

async fn households(site: &Site, village: &str) -> Vec<Record> {
    let register = site.pack.register("household").unwrap();
    let query = ListQuery { limit: 500, ..ListQuery::default() };
    site.store.reader(&Scope::division(village)).list(register, &query).await.unwrap().records
}

/// A case of an exit at its first notice.
async fn at_notice(site: &Site, household: &Record, at: i64) -> CaseFile {
    let procedure = site.pack.procedures.iter().find(|procedure| procedure.id == "household_exit").unwrap();
    let session = session_as(site, role(site, "village_clerk"), &household.division, ".public").await;
    let who = bangfu_registry::access::sign_in::who(&site.store, &session, false, now()).await.unwrap();
    let facts = site.facts(&who.scope);
    let desk = Desk { facts: &facts, who: &who, now: at };
    let id = desk.open(&procedure.id, &Subject::Record(household.clone()), Grounds::default()).await.unwrap();
    let mut case = site.store.reader(&Scope::everything()).case(id).await.unwrap().unwrap();
    loop {
        let step = &procedure.steps[case.step];
        let name = &site.pack.roles[step.role.index()];
        let enters = name.entered_by.first().map_or(name, |enters| &site.pack.roles[enters.index()]);
        let with = With {
            note: String::new(),
            evidence: vec!["12".to_owned(); step.evidence.len()],
            votes: Some(Votes { entitled: 10, present: 10, yes: 10 }),
            ..With::default()
        };
        let does = match step.kind {
            StepKind::Vote => Act::Vote,
            StepKind::Notice => Act::Post,
            _ => Act::Done,
        };
        case = act(site, &enters.id.clone(), &format!(".p{}", case.step), &case, does, &with, at).await;
        if does == Act::Post {
            return case;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_is_on_show_for_its_days_and_tells_no_secret() {
    let site = open().await;
    let village = registry().await.village.clone();
    let household = households(&site, &village).await.remove(7);
    let register = &site.pack.registers[household.register.index()];
    let Some(Value::Text(name)) = household.values[usize::from(register.label.unwrap())].clone() else { panic!() };
    let posted_at = now();
    let case = at_notice(&site, &household, posted_at).await;
    let facts = everything(&site);
    let board = |at: i64| Board { facts: &facts, places: &site.places, now: at, language: Language::ENGLISH };
    let names = async |at: i64| -> bool {
        let mut found = false;
        for notice in board(at).on_show(&village).await.unwrap() {
            let posted = board(at).one(&notice.id).await.unwrap().unwrap();
            found |= posted.rows.iter().any(|row| row.contains(&name));
        }
        found
    };
    // Seven days from the day after it was posted, and not an hour longer.
    let end = site.pack.calendar.ends(posted_at, 7, false);
    assert!(names(posted_at).await && names(end - 1).await && !names(end).await);
    let other = if village.starts_with("150421") { "150981" } else { "150421" };
    assert!(board(posted_at).on_show(other).await.unwrap().iter().all(|notice| !notice.id.contains(&village)));

    // After its days only its number stays, for a year.
    let hung = async |division: &str, at: i64| -> usize {
        let hung = board(at).hung(division).await.unwrap();
        let column = hung.procedures.iter().position(|title| title == "Exit of a household");
        let line = hung.lines.iter().find(|(code, ..)| code == division);
        column.and_then(|at| line?.2.get(at).copied()).unwrap_or(0)
    };
    let (day, whole) = (86_400_000, &site.pack.policy.root);
    assert!(hung(&village, end).await >= 1 && hung(whole, end).await >= hung(&village, end).await);
    assert_eq!(hung(&village, posted_at + 366 * day).await, 0);
    let below = board(end).hung(whole).await.unwrap();
    assert!(below.lines.iter().any(|(code, ..)| *code == village[..4]), "{below:?}");

    let router = site::router(site).unwrap();
    let index = get(&router, &format!("/public?division={village}"), "lang=en").await.text;
    assert!(index.contains("Notices hung in the last 12 months"));
    let address = index.split("href=\"").find(|part| part.starts_with("/public/notices/household_exit"));
    let address = address.expect("the notice is listed").split('"').next().unwrap().replace("&amp;", "&");
    let secret = regex::Regex::new(r"\d{17}[\dXx]|\*\d{4}|159900").unwrap();
    for language in ["zh", "en"] {
        let page = get(&router, &address, &format!("lang={language}")).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains(&name) && page.text.contains("12317"), "{}", page.text);
        let body = page.text.split("<article").nth(1).unwrap().split("</article>").next().unwrap();
        assert!(!secret.is_match(body), "{body}");
    }
    // With the code everybody sees how the case stands, and no name.
    let found = get(&router, &format!("/public?code={}", case.code.to_lowercase()), "lang=en").await.text;
    assert!(found.contains("Exit of a household") && found.contains("now"), "{found}");
    let own = found.split("role=\"status\"").nth(1).unwrap().split("</div>").next().unwrap();
    assert!(!own.contains(&name));
    assert!(get(&router, "/public?code=AAAA", "lang=en").await.text.contains("There is no case"));
    assert_eq!(get(&router, "/public/how", "lang=en").await.status, StatusCode::OK);
    let gone = get(&router, "/public/notices/household_exit.3.150421100200.1", "lang=en").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

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
        let programme = page.text.split("id=\"nursing_subsidy\"").nth(1).expect("the programme").to_owned();
        let programme = programme.split("</details>").next().unwrap();
        assert!(programme.contains(table) && programme.contains(every), "{programme}");
        // A table says for whom each of its rates is; who pays and how stands in the words of the pack.
        assert!(programme.matches("<span class=\"soft\">").count() >= 2, "{programme}");
        assert!(!page.text.contains(hidden), "a parameter that is not public");
        // What has ended is not offered.
        assert!(!page.text.contains("id=\"university_entry_aid\""));
    }
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
    let site = open().await;
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
            assert_ne!(secret, 1, "the one that is hidden is the total less the others: {division} {cells:?}");
            let small = |cell: &&&str| cell.replace(',', "").parse::<i64>().is_ok_and(|count| count < 5);
            assert!(cells.iter().find(small).is_none(), "{division} {cells:?}");
            if matches!(cells[0], "fewer than 5" | "withheld") {
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

/// The case of a code, read anew.
async fn registry_case(code: &str) -> CaseFile {
    let site = open().await;
    site.store.reader(&Scope::everything()).case_of_code(code).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_complaint_is_taken_and_waits_for_the_banner() {
    let site = open().await;
    let banner = registry().await.village[..6].to_owned();
    let office = session_as(&site, role(&site, "banner_office"), &banner, ".complaint").await;
    let router = signed_in_as(site, "none".to_owned());
    let post = async |division: &str, body: &str, from: &str| {
        let request = Request::builder()
            .method("POST")
            .uri(format!("/public/ask/complaint_handling?division={division}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-forwarded-for", from)
            .header("cookie", "lang=en");
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        let peer: std::net::SocketAddr = "127.0.0.1:999".parse().unwrap();
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        send(&router, request).await
    };
    let form = get(&router, &format!("/public/ask/complaint_handling?division={banner}"), "lang=en").await.text;
    assert!(form.contains("name=\"v.content\"") && form.contains("name=\"v.subject\""), "{form}");
    let nowhere = post("15", "v.subject=payment&v.content=x", "10.0.0.1").await;
    assert_eq!(nowhere.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(nowhere.text.contains("Choose the place"));
    let wrong = post(&banner, "v.subject=weather&v.content=kept", "10.0.0.1").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("value=\"kept\""), "what was typed stays");
    let taken = post(&banner, "v.subject=payment&v.content=not+paid&v.contact=15900000000", "10.0.0.1").await;
    assert_eq!(taken.status, StatusCode::OK, "{}", taken.text);
    let code = taken.text.split("<code class=\"long\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let found = get(&router, &format!("/public?code={code}"), "lang=en").await.text;
    assert!(found.contains("Complaint") && !found.contains("not paid"));
    // Its facts are those of the record: it need not be submitted again.
    let waits = registry_case(&code).await;
    assert!(!waits.proposal.contains("15900000000"), "a secret is frozen: {}", waits.proposal);
    let page = get(&router, &format!("/cases/{}", waits.id), &format!("lang=en; session={office}")).await.text;
    assert!(
        page.contains("not paid") && page.contains("value=\"done\"") && !page.contains("The facts changed"),
        "{page}"
    );
    let work = get(&router, "/work?procedure=complaint_handling", &format!("lang=en; session={office}")).await.text;
    assert!(work.contains("type=\"checkbox\""), "{work}");
    for _ in 0..4 {
        assert_eq!(post(&banner, "v.subject=other&v.content=x", "10.0.0.1").await.status, StatusCode::OK);
    }
    let often = post(&banner, "v.subject=other&v.content=x", "10.0.0.1").await;
    assert_eq!(often.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(post(&banner, "v.subject=other&v.content=x", "10.0.0.2").await.status, StatusCode::OK);
}
