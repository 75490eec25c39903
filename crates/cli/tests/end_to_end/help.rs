//! What `--help` says of every command, as snapshots: what is documented can't drift from what is read.

use std::process::Command;

use crate::support::process;

fn help(arguments: &[&str]) -> String {
    let mut command: Command = process::command(&[arguments, &["--help"]].concat(), process::LOG);
    let output = command.env("COLUMNS", "100").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    text
}

#[test]
fn help_says_what_it_said() {
    let commands: &[&[&str]] = &[
        &[],
        &["demo"],
        &["server"],
        &["server", "posture"],
        &["server", "backup"],
        &["gateway"],
        &["request"],
        &["explain"],
        &["account"],
        &["account", "add"],
        &["account", "list"],
        &["account", "show"],
        &["account", "disable"],
        &["account", "enable"],
        &["account", "passwd"],
        &["account", "user-code"],
        &["account", "unlock"],
        &["account", "delete"],
        &["client"],
        &["client", "add"],
        &["client", "list"],
        &["client", "show"],
        &["client", "change"],
        &["client", "policy"],
        &["client", "rotate-secret"],
        &["client", "disable"],
        &["client", "enable"],
        &["client", "delete"],
        &["client", "offboard"],
        &["client", "grant"],
        &["keys"],
        &["keys", "list"],
        &["keys", "rotate"],
        &["keys", "retire"],
        &["grant"],
        &["grant", "list"],
        &["grant", "show"],
        &["grant", "revoke"],
        &["session"],
        &["session", "list"],
        &["session", "end"],
        &["token"],
        &["token", "create"],
        &["token", "list"],
        &["token", "revoke"],
        &["blocked-key"],
        &["blocked-key", "add"],
        &["blocked-key", "list"],
        &["blocked-key", "remove"],
        &["audit"],
    ];
    for arguments in commands {
        let name: String = if arguments.is_empty() { "bindery".into() } else { arguments.join("-") };
        insta::assert_snapshot!(name, help(arguments));
    }
}

/// A command that this file does not know has no snapshot.
#[test]
fn every_command_has_its_snapshot() {
    let text = help(&[]);
    let (_, commands) = text.split_once("Commands:\n").unwrap();
    let names: Vec<&str> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert_eq!(
        names,
        [
            "demo",
            "server",
            "gateway",
            "request",
            "explain",
            "account",
            "client",
            "keys",
            "grant",
            "session",
            "token",
            "blocked-key",
            "audit"
        ]
    );
}

#[test]
fn wrong_usage_exits_with_2_and_no_usage_of_stdout() {
    for arguments in [&["demo", "--nonsense"][..], &["nonsense"], &[], &["request", "GET"], &["client"]] {
        let output = process::command(arguments, process::LOG).output().unwrap();
        crate::support::watch::record::process(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}
