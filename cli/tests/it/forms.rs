//! The forms of what is printed: colours, logs, schemas, completions, and readers that leave early.

use std::process::Stdio;

use serde_json::Value;

use crate::support::Place;

const ESCAPE: char = '\u{1b}';

#[test]
fn nothing_is_coloured_unless_a_terminal_reads() {
    let lab = Place::running();
    for arguments in ["status", "results checkout", "results nonsense", "-v experiment list", "--help", "fly"] {
        let transcript = lab.abduck(arguments);
        assert!(
            !transcript.stdout.contains(ESCAPE) && !transcript.stderr.contains(ESCAPE),
            "{arguments}\n{transcript}"
        );
    }
}

#[test]
fn colours_can_be_demanded_and_refused() {
    let lab = Place::lab();
    let failing = || lab.command("results nonsense");
    let coloured = lab.transcript(failing().env("CLICOLOR_FORCE", "1"));
    assert!(coloured.stderr.contains(ESCAPE), "{coloured}");
    let plain = lab.transcript(failing().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1"));
    assert!(!plain.stderr.contains(ESCAPE), "{plain}");
}

#[test]
fn quiet_keeps_answers_and_errors_only() {
    let lab = Place::lab();
    let created = lab.abduck("experiment create -q --name Checkout --flag checkout");
    assert_eq!((created.exit, created.stderr.as_str()), (0, ""));
    assert!(created.stdout.contains("checkout"));
    assert!(lab.abduck("results -q nonsense").stderr.starts_with("error: "));
}

#[test]
fn verbose_shows_the_sql_on_stderr() {
    let lab = Place::running();
    let transcript = lab.abduck("-vv results checkout -o json");
    assert!(transcript.stderr.contains("SELECT"), "{transcript}");
    assert!(serde_json::from_str::<Value>(&transcript.stdout).is_ok());
    assert!(!lab.abduck("-v results checkout --refresh").stderr.contains("SELECT"));
}

#[test]
fn a_reader_that_leaves_early_is_content() {
    let place = Place::empty();
    let mut child = place.command("schema result").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn the_schema_of_a_result_is_the_one_in_the_repository() {
    let printed = Place::empty().succeeds("schema result");
    let kept = include_str!("../../schema/result.schema.json");
    assert!(printed == kept, "run `cargo run -p abduck-cli -- schema result > cli/schema/result.schema.json`");
    let printed = Place::empty().succeeds("schema secondary-result");
    let kept = include_str!("../../schema/secondary-result.schema.json");
    assert!(printed == kept, "likewise for `secondary-result`");
    let printed = Place::empty().succeeds("schema metric-result");
    let kept = include_str!("../../schema/metric-result.schema.json");
    assert!(printed == kept, "likewise for `metric-result`");
}

#[test]
fn the_schemas_of_other_answers_are_those_in_the_repository() {
    for (noun, kept) in [
        ("metric-series", include_str!("../../schema/metric-series.schema.json")),
        ("exposure-view", include_str!("../../schema/exposure-view.schema.json")),
        ("reconciliation", include_str!("../../schema/reconciliation.schema.json")),
        ("decision", include_str!("../../schema/decision.schema.json")),
    ] {
        let printed = Place::empty().succeeds(&format!("schema {noun}"));
        assert!(printed == kept, "run `cargo run -p abduck-cli -- schema {noun} > cli/schema/{noun}.schema.json`");
    }
}

#[test]
fn the_schema_of_an_experiment_names_its_fields() {
    let schema: Value = serde_json::from_str(&Place::empty().succeeds("schema experiment")).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    assert!(schema["properties"]["feature_flag_key"].is_object());
}

#[test]
fn completions_know_the_commands() {
    let place = Place::empty();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = place.succeeds(&format!("completions {shell}"));
        assert!(script.contains("experiment") && script.contains("abduck"), "{shell}");
    }
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(Place::empty().succeeds("--version"), concat!("abduck ", env!("CARGO_PKG_VERSION"), "\n"));
}
