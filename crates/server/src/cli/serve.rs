//! `bangfu demo | serve`.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, bail};
use bangfu_policy::model::Right;
use bangfu_registry::access;
use bangfu_registry::home::{Home, keep_in};
use bangfu_registry::store::{Actor, Scope};
use bangfu_registry::synth;

use super::provider::ProviderArguments;
use super::run::{print_differences, print_summary, run_with_bar};
use super::{Place, data, day, open, policy};
use crate::clock;
use crate::site::{self, Site, Sources};

/// Login of the first account.
const ADMINISTRATOR: &str = "administrator";

pub(crate) async fn demo(
    place: &Place,
    listen: SocketAddr,
    people: Option<u64>,
    as_of: Option<&str>,
    no_serve: bool,
) -> Result<()> {
    let as_of = match as_of {
        Some(day) => day.to_owned(),
        None => synth::demo::read_spec(&place.policy)?.as_of,
    };
    let as_of = day(&as_of)?;
    if Home::exists(&place.data) {
        if let Some(url) = &place.database {
            keep_in(&place.data, url)?;
        }
        println!("{} is used as it is", place.data.display());
    } else {
        data::synth(place, people).await?;
    }
    let pack = Arc::new(policy::read(&place.policy)?);
    let home = Home::open(&place.data, Arc::clone(&pack), &place.policy).await?;
    let determined = run_with_bar(&home, as_of, &[]).await?;
    print_summary(&pack, &determined.summary);
    print_differences(&determined);
    if no_serve {
        return Ok(());
    }
    serve_home(home, listen, &ProviderArguments::default()).await
}

pub(crate) async fn serve(place: &Place, listen: SocketAddr, provider: &ProviderArguments) -> Result<()> {
    let home = open(place).await?;
    serve_home(home, listen, provider).await
}

/// A site over a registry and its last run.
pub(crate) async fn site_of(home: &Home) -> Result<Site> {
    let last = home.store.runs().await?.into_iter().find(|run| run.state == "done");
    let sources = Sources {
        data: home.folder.clone(),
        pack_folder: home.pack_folder.clone(),
        results: last.map(|run| home.results(&run.id)).filter(|folder| folder.exists()),
        snapshot: Some(home.snapshot()).filter(|folder| folder.exists()),
        synthetic: home.folder.join("synthetic.json").exists(),
        fixed_day: None,
        clock: site::Clock::default(),
    };
    Ok(Site::open(Arc::clone(&home.pack), home.store.clone(), &sources).await?)
}

/// Makes the first account of a registry: it holds the first role that makes accounts, and its owner chooses a password.
async fn first_administrator(home: &Home, listen: SocketAddr) -> Result<()> {
    let (pack, now) = (&home.pack, clock::now());
    let role = pack.roles.iter().find(|role| role.may.contains(&Right::Accounts));
    let Some(role) = role else {
        bail!("no role of the pack may make accounts: nobody could sign in; give one `may: [accounts]`");
    };
    let root = &pack.policy.root;
    if pack.level_of_code(root) != Some(role.level) {
        bail!("the role `{}` makes accounts and is not of the highest level; give it that level", role.id);
    }
    let actor = Actor::console("first start");
    let link = if home.store.account(ADMINISTRATOR).await?.is_some() {
        access::accounts::link(&home.store, &actor, ADMINISTRATOR, "first start", now).await?
    } else {
        let named = (ADMINISTRATOR, ADMINISTRATOR);
        let link = access::accounts::make(&home.store, &actor, named, "first start", now).await?;
        let mut change = home.store.change(&Scope::nothing(), &actor, "first start", now).await?;
        change.give_role(ADMINISTRATOR, &role.id, root).await?;
        change.commit().await?;
        link
    };
    println!(
        "\nThe registry has no accounts yet. Choose the password of the first administrator (`{ADMINISTRATOR}`) within a day:"
    );
    println!("http://{listen}/welcome/{link}");
    Ok(())
}

async fn serve_home(home: Home, listen: SocketAddr, provider: &ProviderArguments) -> Result<()> {
    if !listen.ip().is_loopback() {
        bail!(
            "{listen} is not a loopback address: passwords would travel in clear; use 127.0.0.1 behind a proxy that speaks TLS"
        );
    }
    let site = provider.give(site_of(&home).await?, listen)?;
    // Until somebody has a password nobody can sign in: also if the first link was never followed.
    if home.store.accounts().await?.iter().all(|account| account.secret.is_empty()) {
        if site.synthetic {
            access::demo::make(&home.store, clock::now()).await?;
        } else {
            first_administrator(&home, listen).await?;
        }
    }
    println!("\nhttp://{listen}/");
    if site.synthetic {
        println!("http://{listen}/demo-accounts  lists the accounts of the demo");
    }
    site::serve(listen, site).await?;
    Ok(())
}
