//! The command `abduck-datasets`: arguments in, files out, messages on stderr.
//!
//! Exit codes: 0 done, 1 the files could not be written, 2 the arguments make no sense.

mod args;

use abduck_datasets::{Error, Progress, generate};
use args::{Arguments, Command, Generate};
use clap::Parser;
use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Command::Generate(arguments) = Arguments::parse().command;
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}\n"));
            match error {
                Error::Option { .. } => ExitCode::from(2),
                Error::File { .. } | Error::Rows { .. } => ExitCode::from(1),
            }
        }
    }
}

fn run(arguments: &Generate) -> Result<(), Error> {
    let is_terminal = stderr().is_terminal();
    let show = |progress: Progress| {
        if is_terminal {
            say(&format!("\r{} of {} rows", progress.rows_written, progress.rows_total));
        }
    };
    let truth = generate(&arguments.options(), &arguments.output, show)?;
    let line_start = if is_terminal { "\r" } else { "" };
    let output = arguments.output.display();
    say(&format!("{line_start}{output}: {} rows of {} persons\n", truth.rows, truth.persons));
    Ok(())
}

/// A message for people. If nobody can read it, the files are no worse for it.
fn say(text: &str) {
    let _ = stderr().write_all(text.as_bytes());
}
