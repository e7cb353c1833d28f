//! Exit codes: what a script can tell from how the command ended.

use std::fmt::Write;
use std::process::ExitCode;

use abduck::ErrorKind;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Success = 0,
    Internal = 1,
    Usage = 2,
    NotFound = 3,
    Refused = 4,
    Busy = 5,
    Data = 6,
    KeepRunning = 10,
    Hold = 11,
    RollBack = 12,
    /// 128 and the number of the signal, as shells have it.
    Interrupted = 130,
}

const ALL: [Exit; 11] = [
    Exit::Success,
    Exit::Internal,
    Exit::Usage,
    Exit::NotFound,
    Exit::Refused,
    Exit::Busy,
    Exit::Data,
    Exit::KeepRunning,
    Exit::Hold,
    Exit::RollBack,
    Exit::Interrupted,
];

impl Exit {
    fn meaning(self) -> &'static str {
        match self {
            Self::Success => "done; also when the reader of the output left early",
            Self::Internal => "internal error, please report it",
            Self::Usage => "the command line or a definition is wrong",
            Self::NotFound => "no such lab, experiment or file",
            Self::Refused => "not allowed in the present state, or not yet",
            Self::Busy => "somebody else held the lab for longer than --wait",
            Self::Data => "the data do not fit, or a file or the database failed",
            Self::KeepRunning => "`decide` says: keep running (0 when it says: ship)",
            Self::Hold => "`decide` says: hold",
            Self::RollBack => "`decide` says: roll back",
            Self::Interrupted => "interrupted; nothing was changed",
        }
    }
}

impl From<&ErrorKind> for Exit {
    fn from(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound { .. } => Self::NotFound,
            ErrorKind::Invalid { .. } => Self::Usage,
            ErrorKind::NotAllowed { .. } | ErrorKind::NotReady { .. } => Self::Refused,
            ErrorKind::Busy { .. } => Self::Busy,
            ErrorKind::Schema { .. } | ErrorKind::Query { .. } | ErrorKind::Storage { .. } | ErrorKind::Io { .. } => {
                Self::Data
            }
            ErrorKind::Interrupted => Self::Interrupted,
            ErrorKind::Bug { .. } => Self::Internal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The exit codes, for the help text.
pub(crate) fn help() -> String {
    ALL.iter().fold("Exit codes:".to_owned(), |mut text, exit| {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {:<5}{}", *exit as u8, exit.meaning());
        text
    })
}

#[cfg(test)]
mod tests {
    use abduck::Error;

    use super::*;

    #[test]
    fn kinds_that_no_command_can_be_made_to_fail_with_have_their_code() {
        let exit = |error: Error| Exit::from(error.kind());
        assert_eq!(exit(Error::bug("a promise")), Exit::Internal);
        assert_eq!(exit(Error::query("no", "SELECT 1")), Exit::Data);
        assert_eq!(exit(Error::not_ready("soon")), Exit::Refused);
    }
}
