//! Equal options, equal bytes; and bounded memory.

use abduck_datasets::{Options, Progress, generate};
use std::path::Path;

fn bytes(options: &Options, folder: &Path, name: &str) -> (Vec<u8>, Vec<u8>) {
    let path = folder.join(name);
    generate(options, &path, |_| {}).unwrap();
    (std::fs::read(&path).unwrap(), std::fs::read(path.with_extension("truth.json")).unwrap())
}

#[test]
fn equal_options_give_equal_bytes_and_another_seed_others() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["log.parquet", "log.csv", "log.ndjson"] {
        let options = Options { events: 5_000, ..Options::default() };
        let first = bytes(&options, folder.path(), name);
        assert!(first == bytes(&options, folder.path(), name), "{name}");
        let other = bytes(&Options { seed: 8, ..options }, folder.path(), name);
        assert!(first.0 != other.0 && first.1 != other.1, "{name}");
    }
}

#[test]
fn no_batch_is_larger_than_stated() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { events: 150_000, ..Options::default() };
    let mut seen: Vec<Progress> = Vec::new();
    let truth = generate(&options, &folder.path().join("log.csv"), |progress| seen.push(progress)).unwrap();
    let written: Vec<u64> = seen.iter().map(|progress| progress.rows_written).collect();
    assert_eq!(written, [65_536, 131_072, truth.rows]);
    assert!(seen.iter().all(|progress| progress.rows_total == truth.rows));
}
