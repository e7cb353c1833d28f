//! Events that were delivered more than once: stored once, and remembered for the way from the naive count (M, reconcile).

use std::fs;

use abduck::stats::{ReconcileRule, VariantSum};
use abduck::{IngestOptions, Source};
use serde_json::{Value, json};

use crate::support::{Log, event, now};

/// Files of events, each event named by a number that is its id.
struct Files {
    directory: tempfile::TempDir,
    log: Log,
}

fn purchase(id: u32) -> Value {
    let mut line = event("ann", "buy", &format!("2024-01-03T00:{id:02}:00Z"), &json!({"amount": f64::from(id)}));
    line["uuid"] = json!(format!("00000000-0000-4000-8000-{id:012x}"));
    line
}

impl Files {
    fn new() -> Self {
        let called = json!({"$feature_flag": "checkout", "$feature_flag_response": "test"});
        let mut log = Log::of(&[event("ann", "$feature_flag_called", "2024-01-02T00:00:00Z", &called)]);
        log.experiment(&json!({}));
        Self { directory: tempfile::tempdir().unwrap(), log }
    }

    /// Takes in files together, each given by the events in it.
    fn ingest(&mut self, files: &[(&str, &[u32])]) {
        let path = |name: &str| self.directory.path().join(name).display().to_string();
        for (name, ids) in files {
            let lines: String = ids.iter().map(|id| format!("{}\n", purchase(*id))).collect();
            fs::write(path(name), lines).unwrap();
        }
        let source = Source::Files(files.iter().map(|(name, _)| path(name)).collect());
        self.log.lab.ingest(source, &IngestOptions::default(), &mut |_| ()).unwrap();
    }

    /// The sums of the naive count and of that without duplicates, and how many ids differ.
    fn sums(&mut self) -> (f64, f64, u64) {
        let metric =
            json!({"metric_type": "mean", "source": {"event": "buy", "math": "sum", "math_property": "amount"}});
        let way = self.log.lab.reconcile("checkout", metric.as_object().unwrap(), now()).unwrap();
        let total = |sums: &[VariantSum]| sums.iter().map(|sum| sum.sum).sum::<f64>();
        let [naive, duplicate, ..] = way.steps.as_slice() else { panic!("too few steps") };
        assert_eq!((naive.rule, duplicate.rule), (ReconcileRule::Naive, ReconcileRule::Duplicate));
        assert_eq!(total(&duplicate.variants), total(&way.steps.last().unwrap().variants));
        (total(&naive.variants), total(&duplicate.variants), duplicate.changed_units)
    }
}

#[test]
fn rows_beyond_the_first_are_in_the_naive_count_only() {
    let mut files = Files::new();
    files.ingest(&[("a.ndjson", &[1, 2])]);
    assert_eq!(files.sums(), (3.0, 3.0, 0));
    files.ingest(&[("b.ndjson", &[2, 2, 4, 4, 4])]);
    // 2 three times, 4 three times.
    assert_eq!(files.sums(), (1.0 + 6.0 + 12.0, 7.0, 1));
}

#[test]
fn taking_a_file_in_again_delivers_nothing_again() {
    let mut files = Files::new();
    let once: [(&str, &[u32]); 2] = [("a.ndjson", &[1, 2, 2]), ("b.ndjson", &[2, 4])];
    files.ingest(&once);
    let sums = (1.0 + 6.0 + 4.0, 7.0, 1);
    assert_eq!(files.sums(), sums);
    files.ingest(&once);
    files.ingest(&once[1..]);
    files.ingest(&once[..1]);
    assert_eq!(files.sums(), sums);
    // The file has grown: what is new in it counts, what was there does not count again.
    files.ingest(&[("a.ndjson", &[1, 2, 2, 8, 8])]);
    assert_eq!(files.sums(), (1.0 + 6.0 + 4.0 + 16.0, 15.0, 1));
}

#[test]
fn the_split_into_runs_and_their_order_do_not_matter() {
    let parts: [(&str, &[u32]); 3] = [("a.ndjson", &[1, 2, 2]), ("b.ndjson", &[2, 4, 1]), ("c.ndjson", &[4, 4, 8])];
    let mut seen = Vec::new();
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let (mut together, mut one_by_one) = (Files::new(), Files::new());
        together.ingest(&order.map(|index| parts[index]));
        for index in order {
            one_by_one.ingest(&[parts[index]]);
        }
        seen.extend([together.sums(), one_by_one.sums()]);
    }
    assert_eq!(seen[0], (2.0 + 6.0 + 12.0 + 8.0, 15.0, 1));
    assert!(seen.iter().all(|sums| *sums == seen[0]), "{seen:?}");
}
