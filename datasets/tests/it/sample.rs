//! The committed sample is what the command in the README makes.

use crate::command::run;
use std::path::Path;

#[test]
fn the_sample_is_what_the_documented_command_makes() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(crate_folder.join("README.md")).unwrap();
    let readme = readme.replace("\\\n", " ");
    let command = readme.lines().find(|line| line.contains("-o datasets/sample/shop.parquet")).unwrap();
    let (_, arguments) = command.split_once(" -- ").unwrap();
    let arguments = arguments.replace("datasets/sample/", "");

    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &arguments.split_whitespace().collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(0));
    for name in ["shop.parquet", "shop.truth.json"] {
        let made = std::fs::read(folder.path().join(name)).unwrap();
        let committed = std::fs::read(crate_folder.join("sample").join(name)).unwrap();
        assert!(made == committed, "{name}: run the command in datasets/README.md and commit the result");
    }
}
