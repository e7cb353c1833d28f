//! Who shops: a person, their devices and their traits.

use crate::identifier::Identifiers;
use crate::options::Options;
use crate::random::{Purpose, Random};
use uuid::Uuid;

/// Share of persons who ever sign in; the others stay anonymous.
const SIGN_IN_SHARE: f64 = 0.45;
/// Share of those who also use a second device.
const SECOND_DEVICE_SHARE: f64 = 0.3;
const DESKTOP_SHARE: f64 = 0.45;

/// How much more likely than the average a person on this kind of device is to purchase. The mean over persons is
/// 0.45 * 1.22 + 0.55 * 0.82 = 1 exactly, so that the planted conversion is the conversion of all persons together.
const DESKTOP_FACTOR: f64 = 1.22;
const MOBILE_FACTOR: f64 = 0.82;

const DESKTOP_BROWSERS: [&str; 10] =
    ["Chrome", "Chrome", "Chrome", "Chrome", "Firefox", "Firefox", "Safari", "Safari", "Edge", "Edge"];
const MOBILE_BROWSERS: [&str; 10] = [
    "Mobile Safari",
    "Mobile Safari",
    "Mobile Safari",
    "Mobile Safari",
    "Chrome",
    "Chrome",
    "Chrome",
    "Chrome",
    "Samsung Internet",
    "Firefox",
];
const COUNTRIES: [&str; 10] = ["DE", "DE", "DE", "DE", "FR", "FR", "AT", "CH", "NL", "PL"];

/// A browser with a distinct id of its own, used until its owner signs in on it.
pub(crate) struct Device {
    pub(crate) id: Uuid,
    pub(crate) kind: &'static str,
    pub(crate) browser: &'static str,
}

/// A person, apart from what they do.
pub(crate) struct Person {
    pub(crate) index: u64,
    /// The second device stands ready for persons who use one.
    pub(crate) devices: [Device; 2],
    pub(crate) country: &'static str,
    pub(crate) signs_in: bool,
    pub(crate) uses_second_device: bool,
    /// How much the person looks around and searches, with mean 1.
    pub(crate) engagement: f64,
    /// How likely the person is to purchase relative to the average, with mean 1.
    pub(crate) conversion_factor: f64,
    pub(crate) is_test_account: bool,
}

impl Person {
    /// The person with this index, first seen at `first_seen_us`.
    pub(crate) fn new(options: &Options, index: u64, identifiers: &mut Identifiers, first_seen_us: i64) -> Self {
        let mut random = Random::new(options.seed, index, Purpose::Profile);
        let is_desktop = random.chance(DESKTOP_SHARE);
        let devices = [is_desktop, !is_desktop]
            .map(|is_desktop| Device::new(&mut random, identifiers.next(first_seen_us), is_desktop));
        let signs_in = random.chance(SIGN_IN_SHARE);
        let is_test_account =
            Random::new(options.seed, index, Purpose::TestAccount).chance(options.pathologies.test_accounts);
        Self {
            index,
            devices,
            country: random.pick(&COUNTRIES),
            signs_in,
            uses_second_device: signs_in && random.chance(SECOND_DEVICE_SHARE),
            engagement: random.erlang(),
            conversion_factor: if is_desktop { DESKTOP_FACTOR } else { MOBILE_FACTOR },
            is_test_account,
        }
    }

    /// The id after signing in.
    pub(crate) fn user_id(&self) -> String {
        format!("user-{:07}", self.index)
    }

    /// The id an event on a device carries.
    pub(crate) fn distinct_id(&self, device: u8, signed_in: bool) -> String {
        if signed_in { self.user_id() } else { self.devices[usize::from(device)].id.to_string() }
    }

    /// The address given when signing in. Both domains are reserved for examples and reach nobody.
    pub(crate) fn email(&self) -> String {
        let domain = if self.is_test_account { "example.com" } else { "example.net" };
        format!("{}@{domain}", self.user_id())
    }
}

impl Device {
    fn new(random: &mut Random, id: Uuid, is_desktop: bool) -> Self {
        if is_desktop {
            Self { id, kind: "Desktop", browser: random.pick(&DESKTOP_BROWSERS) }
        } else {
            Self { id, kind: "Mobile", browser: random.pick(&MOBILE_BROWSERS) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conversion_factor_has_mean_one() {
        let mean = DESKTOP_SHARE * DESKTOP_FACTOR + (1.0 - DESKTOP_SHARE) * MOBILE_FACTOR;
        assert!((mean - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_id_changes_with_the_sign_in() {
        let person = Person::new(&Options::default(), 5, &mut Identifiers::new(5), 0);
        assert_eq!(person.distinct_id(0, true), "user-0000005");
        assert_eq!(person.distinct_id(1, true), "user-0000005");
        assert_ne!(person.distinct_id(0, false), person.distinct_id(1, false));
        assert_eq!(person.email(), "user-0000005@example.net");
    }
}
