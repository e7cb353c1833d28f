//! Documents in files and folders.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::model::document::{Document, DocumentKind};

/// The ends of the names of files that hold documents.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Reads the documents of a file, or of all YAML and JSON files in a folder and below, in the order of their paths.
///
/// # Errors
/// `NotFound` when there is no such file; `Io` when it cannot be read; `Invalid` as for [`Document::from_text`].
pub fn read_documents(path: &Path) -> Result<Vec<Document>> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
    let mut files = Vec::new();
    if metadata.is_dir() {
        walk(path, &mut files)?;
        files.sort();
        if files.is_empty() {
            return Err(Error::not_found("document", path.display().to_string())
                .hint("a folder's documents are in files that end in .yaml, .yml or .json"));
        }
    } else {
        files.push(path.to_owned());
    }
    let mut documents = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
        documents.extend(Document::from_text(&text, &file.display().to_string())?);
    }
    Ok(documents)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|error| Error::io(folder, error))? {
        let path = entry.map_err(|error| Error::io(folder, error))?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_hidden {
            continue;
        }
        if path.is_dir() {
            walk(&path, files)?;
        } else if path.extension().and_then(|end| end.to_str()).is_some_and(|end| EXTENSIONS.contains(&end)) {
            files.push(path);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::not_found("file", path.display().to_string()),
        _ => Error::io(path, error),
    }
}

/// Writes each document to a file of its own, such as `experiments/KEY.yaml`; returns the files that were written, without
/// those that were as they should be.
///
/// # Errors
/// `NotAllowed` when a file is there and differs, unless `force`; nothing is written then. `Io` when files cannot be
/// written.
pub fn write_documents(documents: &[Document], directory: &Path, force: bool) -> Result<Vec<PathBuf>> {
    let mut taken = HashSet::new();
    let mut changed = Vec::new();
    let mut differing = Vec::new();
    for document in documents {
        let file = directory.join(file_name(document, &mut taken));
        let text = document.to_yaml()?;
        match fs::read(&file) {
            Ok(present) if present == text.as_bytes() => {}
            Ok(_) => {
                differing.push(file.display().to_string());
                changed.push((file, text));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => changed.push((file, text)),
            Err(error) => return Err(Error::io(file, error)),
        }
    }
    if !force && !differing.is_empty() {
        let message = format!("files are there and differ: {}", differing.join(", "));
        return Err(Error::not_allowed(message).hint("overwrite them with --force, or write to another folder"));
    }
    for (file, text) in &changed {
        let folder = file.parent().unwrap_or(directory);
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        fs::write(file, text).map_err(|error| Error::io(file, error))?;
    }
    Ok(changed.into_iter().map(|(file, _)| file).collect())
}

/// Writes a file as a whole: whoever reads it sees what was there before, or all that is new.
///
/// ```
/// let file = std::env::temp_dir().join(format!("abduck-written-{}.txt", std::process::id()));
/// abduck::write_text(&file, "done\n")?;
/// assert_eq!(std::fs::read_to_string(&file).unwrap(), "done\n");
/// assert!(abduck::write_text(&std::env::temp_dir(), "").is_err());
/// # std::fs::remove_file(&file).ok();
/// # Ok::<(), abduck::Error>(())
/// ```
///
/// # Errors
/// `Invalid` when there is a folder of that name; `NotFound` when its folder is missing; `Io` when it cannot be written.
pub fn write_text(file: &Path, text: &str) -> Result<()> {
    // A link stays one; what it points to is replaced.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    match fs::metadata(&target) {
        Ok(present) if present.is_dir() => {
            let message = format!("{} is a folder", file.display());
            return Err(Error::invalid_field("output", "invalid_choice", message).hint("name a file in it"));
        }
        // A device or a pipe cannot be replaced.
        Ok(present) if !present.is_file() => return fs::write(&target, text).map_err(|error| Error::io(file, error)),
        _ => {}
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Error::not_found("folder", folder.display().to_string()).hint("make it first"));
    }
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = fs::write(&draft, text).and_then(|()| fs::rename(&draft, &target));
    written.map_err(|error| {
        // What is left of a draft is of no use; that it cannot be removed either says nothing new.
        let _ = fs::remove_file(&draft);
        Error::io(file, error)
    })
}

/// A file that no other document has, also where capitals do not count.
fn file_name(document: &Document, taken: &mut HashSet<String>) -> PathBuf {
    const LENGTH_MAX: usize = 100;
    let stem = match document.kind {
        DocumentKind::Settings => "settings".to_owned(),
        DocumentKind::Flag | DocumentKind::Experiment => document.key().to_owned(),
        DocumentKind::Cohort | DocumentKind::Holdout | DocumentKind::SavedMetric => words(document.key()),
    };
    let stem: String = stem.chars().take(LENGTH_MAX).collect();
    let stem = if stem.is_empty() { document.kind.name().to_owned() } else { stem };
    let numbered = (2..).map(|number| format!("{stem}-{number}"));
    let mut candidates = std::iter::once(stem.clone()).chain(numbered);
    let free = candidates.find(|candidate| taken.insert(format!("{}/{}", document.kind, candidate.to_lowercase())));
    Path::new(document.kind.folder()).join(format!("{}.yaml", free.unwrap_or(stem)))
}

/// The words of a name, with hyphens between them.
fn words(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}
