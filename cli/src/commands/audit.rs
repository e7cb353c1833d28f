//! Whether people were given the variants that the flag gives.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use abduck::assignment::Disagreement;
use abduck::report;
use abduck::{Error, ErrorKind, Result};

use crate::args::{AuditArguments, Format, Global};
use crate::output::{Answer, Output, json};

/// How much text is printed at once.
const TEXT_MAX: usize = 64 * 1024;

/// Prints the audit of an experiment's assignments; as CSV, all that disagree, while it goes on.
pub(crate) fn run(global: &Global, arguments: &AuditArguments, output: &Output) -> Result<()> {
    let AuditArguments { key, as_of, examples, disagreements } = arguments;
    let mut engine = super::open(global)?;
    let as_of = as_of.unwrap_or_else(super::now);
    let mut file = disagreements.as_deref().map(ListFile::create).transpose()?;
    let mut printed = (output.format() == Some(Format::Csv)).then(|| Printed::new(output)).transpose()?;
    let mut on_disagreement = |one: &Disagreement| {
        let line = report::disagreement_csv(one)?;
        if let Some(file) = &mut file {
            file.write(&line)?;
        }
        if let Some(printed) = &mut printed {
            printed.push(&line)?;
        }
        Ok(())
    };
    let is_listing = disagreements.is_some() || output.format() == Some(Format::Csv);
    let audit = if is_listing {
        engine.audit_assignments(key, as_of, *examples, &mut on_disagreement)
    } else {
        engine.audit_assignments(key, as_of, *examples, &mut |_| Ok(()))
    };
    let audit = match audit {
        // A reader that has seen enough, such as `head`, is content.
        Err(error)
            if matches!(error.kind(), ErrorKind::Interrupted) && printed.as_ref().is_some_and(|it| it.is_over) =>
        {
            return Ok(());
        }
        audit => audit?,
    };
    if let Some(file) = file {
        output.note(&format!("all that disagree are in {}", file.path.display()));
        file.finish()?;
    }
    if let Some(printed) = printed {
        output.note(&report::audit_verdict(&audit));
        return printed.finish();
    }
    let text = report::audit(&audit, output.width());
    output.answer(&Answer { text: Some(text), table: report::matrix_table(&audit), data: json(&audit)? })
}

/// A CSV file of disagreements.
struct ListFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl ListFile {
    fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|error| Error::io(path, error))?;
        let mut list = Self { path: path.to_owned(), file: BufWriter::new(file) };
        list.write(&report::disagreement_header()?)?;
        Ok(list)
    }

    fn write(&mut self, text: &str) -> Result<()> {
        self.file.write_all(text.as_bytes()).map_err(|error| Error::io(&self.path, error))
    }

    fn finish(mut self) -> Result<()> {
        self.file.flush().map_err(|error| Error::io(&self.path, error))
    }
}

/// Lines that are printed some at a time.
struct Printed<'a> {
    output: &'a Output,
    text: String,
    /// Whether nobody reads any more.
    is_over: bool,
}

impl<'a> Printed<'a> {
    fn new(output: &'a Output) -> Result<Self> {
        Ok(Self { output, text: report::disagreement_header()?, is_over: false })
    }

    fn push(&mut self, line: &str) -> Result<()> {
        self.text.push_str(line);
        if self.text.len() < TEXT_MAX {
            return Ok(());
        }
        let is_read = self.output.print_part(&self.text)?;
        self.text.clear();
        self.is_over = !is_read;
        if is_read { Ok(()) } else { Err(ErrorKind::Interrupted.into()) }
    }

    fn finish(self) -> Result<()> {
        self.output.print(&self.text)
    }
}
