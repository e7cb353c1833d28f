//! A directory of its own for each test, and the binary run in it.

use std::fmt::{self, Write as _};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A temporary directory that commands are run in.
pub(crate) struct Place {
    directory: TempDir,
}

/// How a command ended and what it said.
pub(crate) struct Transcript {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn empty() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// A directory that is a lab.
    pub(crate) fn lab() -> Self {
        let place = Self::empty();
        place.succeeds("init --quiet .");
        place
    }

    /// A lab with a week of purchases and an experiment on them that runs: `checkout`, a trend.
    pub(crate) fn running() -> Self {
        let lab = Self::lab();
        lab.write("shop.csv", &purchases());
        lab.succeeds("ingest shop.csv --flag checkout=variant --exposure-event exposed");
        lab.succeeds(
            "experiment create --name Checkout --flag checkout --event bought --start 2026-03-01 --end 2026-03-08",
        );
        lab
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The binary, about to run here with nothing from outside.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_abduck"));
        command.args(arguments.split_whitespace()).current_dir(self.directory.path());
        command.env_clear().env("USER", "ada").env("TMPDIR", self.directory.path());
        command
    }

    /// Runs the binary with arguments that hold no spaces of their own.
    pub(crate) fn abduck(&self, arguments: &str) -> Transcript {
        self.transcript(&mut self.command(arguments))
    }

    /// Runs the binary; it must succeed. Gives what it printed.
    pub(crate) fn succeeds(&self, arguments: &str) -> String {
        let transcript = self.abduck(arguments);
        assert_eq!(transcript.exit, 0, "abduck {arguments}\n{transcript}");
        transcript.stdout
    }

    /// Runs the binary; it must end with the code, print nothing, and leave all definitions as they were.
    pub(crate) fn refuses(&self, arguments: &str, exit: i32) -> Transcript {
        let log = || self.succeeds("log -q -o json --limit 100000");
        let before = log();
        let transcript = self.abduck(arguments);
        assert_eq!((transcript.exit, transcript.stdout.as_str()), (exit, ""), "abduck {arguments}\n{transcript}");
        assert_eq!(log(), before, "abduck {arguments}");
        transcript
    }

    /// What a command prints as JSON.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.succeeds(&format!("{arguments} -o json"))).unwrap()
    }

    /// Runs the binary with a text to read.
    pub(crate) fn abduck_reading(&self, arguments: &str, stdin: &str) -> Transcript {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        Transcript::of(child.wait_with_output().unwrap(), self.directory.path())
    }

    pub(crate) fn transcript(&self, command: &mut Command) -> Transcript {
        Transcript::of(command.output().unwrap(), self.directory.path())
    }
}

impl Transcript {
    pub(crate) fn of(output: std::process::Output, directory: &Path) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(&directory.display().to_string(), "[DIRECTORY]");
        Self { exit: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}\n----- stdout\n{}----- stderr\n{}", self.exit, self.stdout, self.stderr)
    }
}

/// Compares exit code, stdout and stderr with the kept ones, at once; what differs from run to run is masked.
macro_rules! assert_transcript {
    ($transcript:expr) => {
        insta::with_settings!({omit_expression => true, filters => [
            (r"20(2[7-9]|[3-9]\d)-\d\d-\d\dT[\d:.]+Z", "[NOW]"),
            (r"2026-(0[4-9]|1\d)-\d\dT[\d:.]+Z", "[NOW]"),
            (r"after \d+\.\d s", "after [WAIT] s"),
            (r"\b\d\.\d{3}\b", "[SECONDS]"),
            (r"process \d+", "process [ID]"),
        ]}, { insta::assert_snapshot!($transcript.to_string()) })
    };
}
pub(crate) use assert_transcript;

/// A week of a shop: 400 persons each are shown a variant; 40 of control and 60 of test buy something once.
pub(crate) fn purchases() -> String {
    let mut text = "user_id,event,timestamp,variant\n".to_owned();
    for person in 0..800 {
        let (variant, buys) = if person % 2 == 0 { ("control", person % 20 == 0) } else { ("test", person % 40 < 7) };
        let day = 1 + person % 7;
        writeln!(text, "person-{person},exposed,2026-03-0{day}T10:00:00Z,{variant}").unwrap();
        if buys {
            writeln!(text, "person-{person},bought,2026-03-0{day}T11:00:00Z,{variant}").unwrap();
        }
    }
    text
}
