//! The command line: exit codes, messages, and nothing left behind.

use std::path::Path;
use std::process::{Command, Output};

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_abduck-datasets")).current_dir(folder).args(arguments).output().unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_run_writes_two_files_and_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["generate", "--events", "500", "--days", "3", "-o", "log.parquet"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with("log.parquet: 5") && message.lines().count() == 1, "{message}");
    assert_eq!(files(folder.path()), ["log.parquet", "log.truth.json"]);
}

#[test]
fn bad_arguments_exit_with_2_and_write_nothing() {
    let cases: &[(&[&str], &str)] = &[
        (&["--late-rows", "2", "-o", "a.csv"], "error: invalid --late-rows: must be between 0 and 1\n"),
        (&["--rollout", "101", "-o", "a.csv"], "error: invalid --rollout: must be between 0 and 100\n"),
        (&["--zone", "Mars/Olympus", "-o", "a.csv"], "error: invalid --zone: "),
        (&["-o", "a.txt"], "error: invalid --output: the file name must end in .parquet, .csv, .ndjson or .jsonl\n"),
        (&["--start", "yesterday", "-o", "a.csv"], "error: invalid value 'yesterday' for '--start <START>'"),
        (&["--events", "10"], "error: the following required arguments were not provided"),
        (&["--start", "9999-12-30", "--days", "28", "-o", "a.csv"], "error: invalid --"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (arguments, message) in cases {
        let output = run(folder.path(), &[&["generate"], *arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with(message), "{arguments:?}: {stderr}");
    }
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_file_that_cannot_be_written_exits_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["generate", "--events", "10", "-o", "missing/log.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: cannot write missing/log.csv: "));
}

#[test]
fn a_run_that_fails_at_the_end_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    // A folder stands where the log is to be.
    std::fs::create_dir(folder.path().join("log.csv")).unwrap();
    let output = run(folder.path(), &["generate", "--events", "10", "-o", "log.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(files(folder.path()), ["log.csv"]);
}
