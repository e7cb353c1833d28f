//! The command `abduck`: an embedded engine for A/B-test analytics, spoken to from a shell.
//!
//! What was typed ([`args`]) is given to a command ([`commands`]), which asks the engine and answers through [`output`]: data
//! on stdout, messages on stderr. What went wrong becomes an exit code in [`exit`]. Only this crate reads the clock.

mod args;
mod commands;
mod exit;
mod interrupt;
mod output;
mod progress;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Arguments;
use crate::exit::Exit;
use crate::output::Output;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(&arguments.global);
    output.start_log(arguments.global.verbose);
    let exit = match commands::run(arguments, &output) {
        Ok(exit) => exit,
        Err(error) => {
            output.error(&error);
            Exit::from(error.kind())
        }
    };
    exit.into()
}
