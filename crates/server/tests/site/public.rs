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

/// A case of an exit at its first notice, of the first of some households that no other test has taken.
async fn at_notice(site: &Site, households: &[Record], at: i64) -> (Record, CaseFile) {
    let procedure = site.pack.procedures.iter().find(|procedure| procedure.id == "household_exit").unwrap();
    let session = session_as(site, role(site, "village_clerk"), &households[0].division, ".public").await;
    let who = bangfu_registry::access::sign_in::who(&site.store, &session, false, now()).await.unwrap();
    let facts = site.facts(&who.scope);
    let desk = Desk { facts: &facts, who: &who, now: at };
    let mut opened = None;
    for household in households {
        let subject = Subject::Record(household.clone());
        if let Ok(id) = desk.open(&procedure.id, &subject, Grounds::default()).await {
            opened = Some((household.clone(), id));
            break;
        }
    }
    let (household, id) = opened.expect("a household without a case of its exit");
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
            return (household, case);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_is_on_show_for_its_days_and_tells_no_secret() {
    let site = open().await;
    let village = registry().await.village.clone();
    let all = households(&site, &village).await;
    let posted_at = now();
    let (household, case) = at_notice(&site, &all[7..], posted_at).await;
    let register = &site.pack.registers[household.register.index()];
    let Some(Value::Text(name)) = household.values[usize::from(register.label.unwrap())].clone() else { panic!() };
    let facts = everything(&site);
    let board = |at: i64| Board { facts: &facts, places: &site.places, now: at, language: Language::ENGLISH };
    let names = async |at: i64| -> bool {
        let mut found = false;
        for notice in board(at).on_show(&village).await.unwrap() {
            // Cases of tests beside this one go on meanwhile.
            let Some(posted) = board(at).one(&notice.id).await.unwrap() else { continue };
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
    // Tests beside this one post as late as some years from now.
    assert_eq!(hung(&village, posted_at + 10 * 366 * day).await, 0);
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
    let how = get(&router, "/public/how", "lang=en").await;
    assert_eq!(how.status, StatusCode::OK);
    // What people begin themselves, not what offices do among each other.
    assert!(
        how.text.contains("<summary>Identification of a poor household<") && !how.text.contains("<summary>Inspection<")
    );
    let gone = get(&router, "/public/notices/household_exit.3.150421100200.1", "lang=en").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

/// The case of a code, read anew.
pub(super) async fn registry_case(code: &str) -> CaseFile {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_complained_says_once_how_content_they_are() {
    let site = open().await;
    let banner = registry().await.village[..6].to_owned();
    let office = session_as(&site, role(&site, "banner_office"), &banner, ".content").await;
    let router = signed_in_as(open().await, "none".to_owned());
    let post = async |uri: String, body: String| {
        let request = Request::builder()
            .method("POST")
            .uri(uri)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-forwarded-for", "10.0.0.9")
            .header("cookie", "lang=en");
        let mut request = request.body(Body::from(body)).unwrap();
        let peer: std::net::SocketAddr = "127.0.0.1:999".parse().unwrap();
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        send(&router, request).await
    };
    let ask = format!("/public/ask/complaint_handling?division={banner}");
    let taken = post(ask, "v.subject=payment&v.content=late".to_owned()).await;
    let code = taken.text.split("<code class=\"long\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let mut case = registry_case(&code).await;
    let marked = async |mark: &str| post("/public/mark".to_owned(), format!("code={code}&mark={mark}")).await.status;
    let looked = async || get(&router, &format!("/public?code={code}"), "lang=en").await.text;
    // Nothing is asked before it is answered.
    assert!(!looked().await.contains("name=\"mark\""));
    assert_eq!(marked("satisfied").await, StatusCode::SEE_OTHER);
    let procedure = site.pack.procedures.iter().find(|procedure| procedure.id == "complaint_handling").unwrap();
    for step in &procedure.steps {
        let with = With { evidence: vec!["7".to_owned(); step.evidence.len()], ..With::default() };
        let as_role = site.pack.roles[step.role.index()].id.clone();
        case = act(&site, &as_role, &format!(".c{}", case.step), &case, Act::Done, &with, now()).await;
    }
    let open = looked().await;
    assert!(open.contains("value=\"partly\"") && open.contains("can be given once"), "{open}");
    assert_eq!(marked("weather").await, StatusCode::SEE_OTHER);
    assert!(looked().await.contains("name=\"mark\""), "no such mark");
    assert_eq!(marked("partly").await, StatusCode::SEE_OTHER);
    let told = looked().await;
    assert!(told.contains("<strong>partly</strong>") && !told.contains("name=\"mark\""), "{told}");
    // The second is not taken, and the banner sees the first.
    marked("satisfied").await;
    assert!(looked().await.contains("<strong>partly</strong>"));
    let page = get(&router, &format!("/cases/{}", case.id), &format!("lang=en; session={office}")).await.text;
    assert!(page.contains("How content the sender is") && page.contains("<strong>partly</strong>"), "{page}");
}
