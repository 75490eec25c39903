//! Several processes on one store: one key is made, and all come to use the same.

use std::sync::Arc;

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_store::authorization::KeyStore as _;
use bindery_store::memory::{MemoryStore, ReplayMemory};

use super::*;

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const ALGORITHMS: [KeyAlgorithm; 2] =
    [KeyAlgorithm::Signature(SignatureAlgorithm::Es256), KeyAlgorithm::Signature(SignatureAlgorithm::EdDsa)];

struct Processes {
    store: Arc<MemoryStore>,
    times: KeyTimes,
}

impl Processes {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new(ReplayMemory::new(1000, NOW, [7; 16])));
        let times = KeysConfiguration::default().times(Duration::from_secs(300)).unwrap();
        Self { store, times }
    }

    /// Eight processes do their round at the same time; what each then has.
    async fn round(&self, now: UnixTime) -> Vec<SigningKeyRecord> {
        let mut processes = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (store, times) = (Arc::clone(&self.store), self.times.clone());
            processes.spawn(async move {
                let sealer = Sealer::new([3; 32]);
                let schedule = Schedule {
                    store: &*store,
                    sealer: &sealer,
                    algorithms: &ALGORITHMS,
                    times: &times,
                    audit: &AuditLog::forgetful(),
                };
                schedule.maintain(now).await.unwrap()
            });
        }
        let views = processes.join_all().await;
        let in_use = |view: &[SigningKeyRecord]| {
            ALGORITHMS.map(|algorithm| super::in_use(view, algorithm).unwrap().key_id.clone())
        };
        assert!(views.windows(2).all(|pair| in_use(&pair[0]) == in_use(&pair[1])), "they disagree");
        self.store.list_signing_keys().await.unwrap()
    }
}

fn count(records: &[SigningKeyRecord], state: SigningKeyState) -> usize {
    records.iter().filter(|record| record.state == state).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_processes_one_makes_each_key_and_all_switch_to_it() {
    use SigningKeyState::{Active, Pending, Retired};
    let processes = Processes::new();
    let first = processes.round(NOW).await;
    assert_eq!((first.len(), count(&first, Active)), (2, 2));

    let publication = NOW.plus(Duration::from_secs(90 * 24 * 3600 - 3600));
    let published = processes.round(publication).await;
    assert_eq!((published.len(), count(&published, Active), count(&published, Pending)), (4, 2, 2));
    let again = processes.round(publication.plus(Duration::from_secs(30))).await;
    assert_eq!(again, published);

    let switched = processes.round(publication.plus(Duration::from_secs(3600))).await;
    assert_eq!((switched.len(), count(&switched, Active), count(&switched, Retired)), (4, 2, 2));
    let later = processes.round(publication.plus(Duration::from_secs(3600 + 600))).await;
    assert_eq!((later.len(), count(&later, Active)), (2, 2));
    assert!(later.iter().all(|record| first.iter().all(|old| old.key_id != record.key_id)));
}

#[tokio::test]
async fn of_several_processes_one_publishes_the_key_of_an_added_algorithm() {
    use SigningKeyState::{Active, Pending};
    let processes = Processes::new();
    let (sealer, audit) = (Sealer::new([3; 32]), AuditLog::forgetful());
    let schedule = |algorithms| Schedule {
        store: &*processes.store,
        sealer: &sealer,
        algorithms,
        times: &processes.times,
        audit: &audit,
    };
    let before = schedule(&ALGORITHMS[1..]).maintain(NOW).await.unwrap();
    let later = NOW.plus(Duration::from_secs(1000));
    let rounds = (0..8).map(async |_| schedule(&ALGORITHMS).maintain(later).await.unwrap());
    for records in futures_util::future::join_all(rounds).await {
        assert_eq!((count(&records, Active), count(&records, Pending)), (1, 1));
        assert_eq!(super::in_use(&records, ALGORITHMS[1]).unwrap().key_id, before[0].key_id);
    }
    let due = later.plus(Duration::from_secs(3600));
    assert_eq!(count(&processes.round(due).await, Active), 2);
}

#[tokio::test]
async fn a_claim_whose_holder_is_gone_ends() {
    let processes = Processes::new();
    processes.round(NOW).await;
    let publication = NOW.plus(Duration::from_secs(90 * 24 * 3600 - 3600));
    let records = processes.store.list_signing_keys().await.unwrap();
    let sealer = Sealer::new([3; 32]);
    let schedule = Schedule {
        store: &*processes.store,
        sealer: &sealer,
        algorithms: &ALGORITHMS,
        times: &processes.times,
        audit: &AuditLog::forgetful(),
    };
    for algorithm in ALGORITHMS {
        assert_eq!(schedule.claim(algorithm, &records, publication).await, ReplayOutcome::Inserted);
    }
    assert_eq!(processes.round(publication.plus(Duration::from_secs(30))).await.len(), 2);
    assert_eq!(processes.round(publication.plus(Duration::from_secs(90))).await.len(), 4);
}
