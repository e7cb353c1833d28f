//! The README's shell examples run as printed.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The `sh` blocks of the README, in order: later ones build on earlier ones.
fn shell_blocks() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect()
}

#[test]
fn the_shell_examples_of_the_readme_run_as_printed() {
    let blocks = shell_blocks();
    assert_eq!(blocks.len(), 9, "the README's shell examples");
    let directory = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::os::unix::fs::symlink(root.join("datasets"), directory.path().join("datasets")).unwrap();
    let binaries = Path::new(env!("CARGO_BIN_EXE_abduck")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &blocks.concat()])
        .env("PATH", path)
        .current_dir(directory.path())
        .output()
        .unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for said in [
        "Significant: test is the best",
        "persons that get through the steps in order",
        "ids of one person are one unit",
        "step 2: not reached",
        "Significant: semantic is the best",
        "Not significant (not_enough_exposure)",
        "false positives",
        "31,835",
    ] {
        assert!(answers.contains(said), "'{said}' is missing in:\n{answers}");
    }
    let json = fs::read_to_string(directory.path().join("result.json")).unwrap();
    serde_json::from_str::<abduck::ExperimentResult>(&json).unwrap();
    for picture in ["report.html", "series.svg"] {
        assert!(fs::read_to_string(directory.path().join(picture)).unwrap().contains("<svg"), "{picture}");
    }
}
