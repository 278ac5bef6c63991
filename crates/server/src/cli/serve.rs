//! `bangfu demo | serve`.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, bail};
use bangfu_registry::home::Home;
use bangfu_registry::synth;

use super::run::{print_differences, print_summary, run_with_bar};
use super::{Place, data, day, open, policy};
use crate::clock;
use crate::site::{self, Site, Sources};

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
    serve_home(home, listen).await
}

pub(crate) async fn serve(place: &Place, listen: SocketAddr) -> Result<()> {
    let home = open(place).await?;
    serve_home(home, listen).await
}

/// A site over a registry and its last run.
pub(crate) async fn site_of(home: &Home) -> Result<Site> {
    let last = home.store.runs().await?.into_iter().find(|run| run.state == "done");
    let sources = Sources {
        pack_folder: home.pack_folder.clone(),
        results: last.map(|run| home.results(&run.id)).filter(|folder| folder.exists()),
        snapshot: Some(home.snapshot()).filter(|folder| folder.exists()),
        synthetic: home.folder.join("synthetic.json").exists(),
        today: clock::today(),
    };
    Ok(Site::open(Arc::clone(&home.pack), home.store.clone(), &sources).await?)
}

async fn serve_home(home: Home, listen: SocketAddr) -> Result<()> {
    if !listen.ip().is_loopback() {
        bail!(
            "{listen} is not a loopback address: without log-in everybody could read every file; use 127.0.0.1 and a tunnel"
        );
    }
    let site = site_of(&home).await?;
    println!("\nhttp://{listen}/");
    site::serve(listen, site).await?;
    Ok(())
}
