//! The house rules that a machine can check: the order of the rooms, who owns which package, the size of files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// The rooms in their order, read from the table in ARCHITECTURE.md.
fn rooms() -> Vec<String> {
    let text = fs::read_to_string(Path::new(SOURCE).join("../ARCHITECTURE.md")).unwrap();
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split('|').map(str::trim);
        cells.next()?.parse::<u32>().ok()?;
        Some(cells.next()?.trim_matches('`').to_owned())
    });
    let rooms: Vec<_> = rows.collect();
    assert!(rooms.len() > 10, "the table of rooms was not found: {rooms:?}");
    rooms
}

/// Every Rust file of the engine with the room it belongs to.
fn files() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(Path::new(SOURCE), &mut paths);
    paths.sort();
    let room = |path: &Path| {
        let first = path.strip_prefix(SOURCE).unwrap().components().next().unwrap();
        first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
    };
    paths.into_iter().map(|path| (path.clone(), room(&path))).filter(|(_, room)| room != "lib").collect()
}

/// The code of a file, without comments, doc examples and its test module.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The rooms that a file names, as `crate::room` or inside `use crate::{…}`.
fn named_rooms<'a>(code: &str, rooms: &'a [String]) -> Vec<&'a str> {
    let names = |room: &str| {
        let direct = ["::", ";", " ", "\n"].iter().any(|end| code.contains(&format!("crate::{room}{end}")));
        let grouped = code.split("use crate::{").skip(1).any(|rest| {
            let group = rest.split("};").next().unwrap();
            group.split([',', '\n', ' ']).any(|part| part.trim().split("::").next() == Some(room))
        });
        direct || grouped
    };
    rooms.iter().map(String::as_str).filter(|room| names(room)).collect()
}

#[test]
fn rooms_use_only_the_rooms_above_them() {
    let rooms = rooms();
    let rank = |room: &str| rooms.iter().position(|known| known == room);
    let mut uses = 0;
    let mut wrong = Vec::new();
    for (path, room) in files() {
        let own = rank(&room).unwrap_or_else(|| panic!("{} is in no room of ARCHITECTURE.md", path.display()));
        for used in named_rooms(&code(&path), &rooms) {
            uses += 1;
            if rank(used).unwrap() > own {
                wrong.push(format!("{} ({room}) uses {used}", path.display()));
            }
        }
    }
    assert!(uses > 50, "only {uses} uses of rooms were seen");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_package_has_one_owner() {
    let owners: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("duckdb", &["events"][..]),
        ("rusqlite", &["catalog"]),
        ("statrs", &["stats"]),
        ("libm", &["stats"]),
        ("comfy_table", &["report"]),
        ("arrow", &["assignment", "kernel", "events", "backend"]),
        ("sha1", &["assignment"]),
        ("flate2", &["events"]),
        ("zstd", &["events"]),
        ("glob", &["events"]),
        ("sha2", &["plan", "catalog"]),
        ("saphyr_parser", &["model"]),
    ]);
    let mut seen = BTreeMap::new();
    for (path, room) in files() {
        let code = code(&path);
        for (package, rooms) in &owners {
            let starts =
                [format!("use {package}::"), format!(" {package}::"), format!("({package}::"), format!("<{package}::")];
            if starts.iter().any(|start| code.contains(start)) {
                *seen.entry(*package).or_insert(0) += 1;
                assert!(
                    rooms.contains(&room.as_str()),
                    "{} names {package}, which belongs to {rooms:?}",
                    path.display()
                );
            }
        }
    }
    assert!(seen.len() >= 6, "hardly any package was seen: {seen:?}");
}

#[test]
fn no_room_reads_the_clock_or_draws_random_numbers() {
    let mut checked = 0;
    for (path, _) in files() {
        let code = code(&path);
        for forbidden in ["Timestamp::now", "SystemTime", "Zoned::now", "Utc::now", "rand::"] {
            assert!(!code.contains(forbidden), "{} uses {forbidden}", path.display());
        }
        checked += 1;
    }
    assert!(checked > 40, "only {checked} files were seen");
}

#[test]
fn files_stay_small() {
    let sizes: Vec<_> = files().into_iter().map(|(path, _)| (code(&path).lines().count(), path)).collect();
    assert!(!sizes.is_empty());
    let large: Vec<_> = sizes.iter().filter(|(lines, _)| *lines > 420).collect();
    assert!(large.is_empty(), "files over 420 lines of code: {large:?}");
}
