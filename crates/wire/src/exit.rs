//! How a child process ended. The numbers are part of the protocol: append only.

/// Exit codes of `tarsier-recorder`, `tarsier-recorder-libav` and `tarsier-transcoder`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitCode {
    /// Asked to stop, and every segment is closed.
    Done,
    /// Something unforeseen; start again.
    Failed,
    /// Started with arguments or a configuration that it does not understand. Not tried again until it changes.
    BadConfig,
    /// The camera speaks something that this engine cannot read: start the other one.
    EngineCannotRead,
    /// The disk cannot be written to. Not tried again blindly.
    NotWritable,
    /// No hub was there for the agreed time; every segment is closed.
    Orphaned,
    /// This machine has nothing that encodes H.264. Not tried again blindly.
    NoEncoder,
}

impl ExitCode {
    const ALL: [(Self, i32); 7] = [
        (Self::Done, 0),
        (Self::Failed, 1),
        (Self::BadConfig, 3),
        (Self::EngineCannotRead, 10),
        (Self::NotWritable, 5),
        (Self::Orphaned, 11),
        (Self::NoEncoder, 12),
    ];

    /// The number given to the operating system.
    pub fn code(self) -> i32 {
        Self::ALL.iter().find(|(exit, _)| *exit == self).map_or(1, |(_, code)| *code)
    }

    /// What a number means; `None` for anything else (a signal, a panic: start again).
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == code).map(|(exit, _)| *exit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_its_own() {
        for (exit, code) in ExitCode::ALL {
            assert_eq!((exit.code(), ExitCode::from_code(code)), (code, Some(exit)));
        }
        assert_eq!(ExitCode::from_code(101), None, "a panic is no word of ours");
    }
}
