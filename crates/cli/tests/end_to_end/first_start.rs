//! The first start makes a database, a sealing key, signing and nonce keys. Killed anywhere in between, it
//! can be repeated, and nothing needs to be mended by hand.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Stage};

/// After what the first start is killed.
enum Milestone {
    File(&'static str),
    Log(&'static str),
    Time(Duration),
}

#[test]
fn a_first_start_that_is_killed_anywhere_can_be_repeated() {
    let stage = Stage::new();
    let [certificate, key] = ["server.pem", "server.key"].map(|name| stage.path(name));
    let mut milestones: Vec<Milestone> =
        ["bindery.db", "bindery.db-wal", "bindery.db.key"].map(Milestone::File).into();
    milestones.extend(["signing_key_made", "nonce_key_made", "server_started"].map(Milestone::Log));
    milestones.extend((1..=12).map(|step| Milestone::Time(Duration::from_millis(step * 2))));
    for (round, milestone) in milestones.iter().enumerate() {
        let directory = stage.directory.path().join(format!("round-{round}"));
        std::fs::create_dir(&directory).unwrap();
        let config = stage.write(
            &format!("round-{round}.toml"),
            &format!(
                "[listener]\naddress = \"127.0.0.1:0\"\ncertificate_file = \"{certificate}\"\n\
                 key_file = \"{key}\"\n[store]\npath = \"{}/bindery.db\"\n\
                 [server]\nissuer = \"https://id.shop.example\"\n",
                directory.display()
            ),
        );
        let mut first = stage.spawn(&["server", "--config", &config]);
        reach(milestone, &directory, || first.stderr.read(str::to_owned));
        first.kill();
        drop(first);
        stage.run(&["server", "--config", &config, "--check"]).require(0);
        // And what the second start made is what the third one finds.
        stage.run(&["server", "--config", &config, "--check"]).require(0);
        let left: Vec<String> = std::fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("bindery.db.key"))
            .collect();
        assert!(left.contains(&"bindery.db.key".to_owned()), "{left:?}");
    }
}

/// Spins, because nothing tells of a file, and the moment right after it is what is wanted.
fn reach(milestone: &Milestone, directory: &Path, log: impl Fn() -> String) {
    let start = Instant::now();
    while start.elapsed() < DEADLINE {
        let reached = match milestone {
            Milestone::File(name) => directory.join(name).exists(),
            Milestone::Log(event) => log().contains(event),
            Milestone::Time(moment) => start.elapsed() >= *moment,
        };
        if reached {
            return;
        }
        std::thread::yield_now();
    }
    panic!("the first start never came so far: {}", log());
}
