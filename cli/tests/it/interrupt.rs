//! Ctrl-C.

use std::fmt::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Place, Transcript};

/// Enough rows that they are still being read when the signal comes.
const ROWS: usize = 400_000;

#[test]
fn control_c_during_an_ingest_leaves_the_lab_unchanged() {
    let lab = Place::lab();
    lab.write("first.csv", "user_id,event,timestamp\nann,signup,2026-03-01T10:00:00Z\n");
    lab.succeeds("ingest first.csv");
    let before = lab.succeeds("status -o json");
    let mut large = "user_id,event,timestamp\n".to_owned();
    (0..ROWS).for_each(|row| writeln!(large, "person-{row},signup,2026-03-02T10:00:00Z").unwrap());
    lab.write("large.csv", &large);

    let child = lab.command("ingest large.csv").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(|| std::fs::read_to_string(lab.path("events.lock")).is_ok_and(|holder| holder.starts_with("exclusive")));
    let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    let transcript = Transcript::of(child.wait_with_output().unwrap(), &lab.path(""));

    assert_eq!((transcript.exit, transcript.stdout.as_str()), (130, ""), "{transcript}");
    assert_eq!(transcript.stderr, "error: interrupted; nothing was changed\n");
    assert_eq!(lab.succeeds("status -o json"), before);
}

fn wait_until(condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(30), "nothing happened");
        thread::sleep(Duration::from_millis(5));
    }
}
