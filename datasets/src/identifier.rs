//! Ids of events, sessions and devices.
//!
//! They have the form SDKs use, RFC 9562 version 7: the time in milliseconds first. Where an SDK has random bits there
//! are the person's index and a number, so ids are unique by construction, the true person behind a row can be read off
//! in a test, and the files stay small: random bits do not compress.

use uuid::{Builder, Uuid};

/// Hands out the ids of one person.
pub(crate) struct Identifiers {
    person: u64,
    next: u16,
}

impl Identifiers {
    pub(crate) fn new(person: u64) -> Self {
        Self { person, next: 0 }
    }

    /// The next id, made at this time.
    pub(crate) fn next(&mut self, time_us: i64) -> Uuid {
        let number = self.next;
        self.next += 1;
        let mut bytes = [0; 10];
        bytes[2..].copy_from_slice(&(self.person << 16 | u64::from(number)).to_be_bytes());
        Builder::from_unix_timestamp_millis((time_us / 1000).unsigned_abs(), &bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_with_person_and_number() {
        let mut identifiers = Identifiers::new(0x1234);
        assert_eq!(identifiers.next(1_772_409_600_000_000).to_string(), "019cabd8-3800-7000-8000-000012340000");
        let second = identifiers.next(1_772_409_600_000_000);
        assert_eq!(second.to_string(), "019cabd8-3800-7000-8000-000012340001");
        assert_eq!(second.get_version_num(), 7);
        assert_eq!(second.get_variant(), uuid::Variant::RFC4122);
    }
}
