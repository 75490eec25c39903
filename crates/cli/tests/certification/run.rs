//! Runs modules for combinations, several at a time, and reports everything that failed at once.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::module;
use super::site::Sites;
use super::suite::Suite;
use super::variant::{ClientAuth, Sender, Variant};

/// How many modules run at once: as many as keep two processors busy.
const AT_ONCE: usize = 6;

/// A module at work.
type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One module: its name, where it applies, and what it does.
#[derive(Clone, Copy)]
pub(crate) struct Module {
    pub(crate) name: &'static str,
    pub(crate) applies: fn(Variant) -> bool,
    pub(crate) run: fn(Arc<Suite>) -> Running,
}

/// A table of modules from the names of functions that take `&Suite`, each with where it applies.
macro_rules! modules {
    ($($name:ident: $applies:expr),+ $(,)?) => {
        pub(crate) const MODULES: &[$crate::run::Module] = &[$($crate::run::Module {
            name: stringify!($name),
            applies: $applies,
            run: |suite| Box::pin(async move { $name(&suite).await }),
        }),+];
    };
}
pub(crate) use modules;

/// All combinations of these two, on one estate.
pub(crate) fn certify(client_auth: ClientAuth, sender: Sender) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(certify_all(client_auth, sender));
}

async fn certify_all(client_auth: ClientAuth, sender: Sender) {
    let variants = chosen(Variant::of(client_auth, sender));
    let sites = Sites::start(&variants).await;
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    let mut names = std::collections::HashMap::new();
    for variant in variants {
        let suite = Arc::new(Suite::new(sites.of(variant), variant));
        let waiting = module::patient().map(|module| (module, None));
        let working = module::all().map(|module| (module, Some(Arc::clone(&turns))));
        let applies = |(module, _): &(&Module, _)| (module.applies)(variant) && is_chosen(module.name);
        for (module, turns) in waiting.chain(working).filter(applies) {
            let suite = Arc::clone(&suite);
            let handle = running.spawn(async move {
                let _turn = match &turns {
                    Some(turns) => Some(turns.acquire().await.unwrap()),
                    None => None,
                };
                (module.run)(suite).await;
            });
            names.insert(handle.id(), format!("{variant} {}", module.name));
        }
    }
    assert!(!running.is_empty(), "no module is chosen");
    let (mut failures, count) = (Vec::new(), running.len());
    while let Some(ended) = running.join_next_with_id().await {
        if let Err(error) = ended {
            let name = names[&error.id()].clone();
            failures.push(format!("{name}: {}", message(&*error.into_panic())));
        }
    }
    failures.sort();
    assert!(failures.is_empty(), "{} of {count} failed:\n{}", failures.len(), failures.join("\n"));
}

/// What a panic said.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// `CERTIFY_VARIANT` and `CERTIFY_MODULE` narrow a run to names that contain them.
fn chosen(variants: Vec<Variant>) -> Vec<Variant> {
    let wanted = std::env::var("CERTIFY_VARIANT").unwrap_or_default();
    variants.into_iter().filter(|variant| variant.to_string().contains(&wanted)).collect()
}

fn is_chosen(name: &str) -> bool {
    name.contains(&std::env::var("CERTIFY_MODULE").unwrap_or_default())
}
