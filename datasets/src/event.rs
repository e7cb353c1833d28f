//! What happens: one event, and how it is written as a row.

use crate::flag::{Decision, FLAG_KEYS, Flag};
use crate::person::Person;
use serde::Serialize;
use uuid::Uuid;

/// The steps of the funnel, in order.
pub(crate) const FUNNEL_STEPS: [&str; 4] = ["product_viewed", "cart_added", "checkout_started", "purchase"];

const CATEGORIES: [&str; 8] = ["kitchen", "garden", "books", "toys", "sports", "lamps", "tools", "music"];
const PATHS: [&str; 5] = ["/", "/sale", "/new", "/help", "/account"];
const QUERIES: [&str; 12] = [
    "lamp",
    "desk lamp",
    "running shoes",
    "tent",
    "cookbook",
    "chess set",
    "headphones",
    "gloves",
    "drill",
    "tea pot",
    "rucksack",
    "puzzle",
];

/// Number of products on sale.
pub(crate) const PRODUCTS: u32 = 200;
/// Number of pages without a product.
pub(crate) const PATH_COUNT: u32 = PATHS.len() as u32;
/// Number of texts people search for.
pub(crate) const QUERY_COUNT: u32 = QUERIES.len() as u32;

/// What a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    PageView { path: u32 },
    FlagCalled { flag: u8 },
    Identify,
    Search { query: u32 },
    ProductViewed { product: u32 },
    CartAdded { product: u32 },
    CheckoutStarted { product: u32 },
    Purchase { product: u32, revenue_cents: u32 },
}

impl Action {
    /// The name in the column `event`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PageView { .. } => "$pageview",
            Self::FlagCalled { .. } => "$feature_flag_called",
            Self::Identify => "$identify",
            Self::Search { .. } => "search",
            Self::ProductViewed { .. } => FUNNEL_STEPS[0],
            Self::CartAdded { .. } => FUNNEL_STEPS[1],
            Self::CheckoutStarted { .. } => FUNNEL_STEPS[2],
            Self::Purchase { .. } => FUNNEL_STEPS[3],
        }
    }

    /// The step of the funnel this is.
    pub(crate) fn funnel_step(self) -> Option<usize> {
        match self {
            Self::ProductViewed { .. } => Some(0),
            Self::CartAdded { .. } => Some(1),
            Self::CheckoutStarted { .. } => Some(2),
            Self::Purchase { .. } => Some(3),
            Self::PageView { .. } | Self::FlagCalled { .. } | Self::Identify | Self::Search { .. } => None,
        }
    }
}

/// One event of a person. Small and without text: a slice of the log is kept in this form until it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) uuid: Uuid,
    pub(crate) time_us: i64,
    pub(crate) session: Uuid,
    pub(crate) device: u8,
    pub(crate) signed_in: bool,
    /// The answer of each flag as known to the device when the event happened.
    pub(crate) decisions: [Option<Decision>; 2],
    pub(crate) action: Action,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Off(bool),
    Variant(&'static str),
}

impl Answer {
    fn new(flag: &Flag, decision: Decision) -> Self {
        match decision {
            Decision::Off => Self::Off(false),
            Decision::Variant(index) => Self::Variant(flag.variants[usize::from(index)].key),
        }
    }
}

#[derive(Serialize)]
struct PersonProperties {
    email: String,
}

/// The JSON object of the column `properties`; what is absent is left out.
#[derive(Serialize)]
struct Properties {
    #[serde(rename = "$session_id")]
    session_id: Uuid,
    #[serde(rename = "$device_type")]
    device_type: &'static str,
    #[serde(rename = "$browser")]
    browser: &'static str,
    #[serde(rename = "$geoip_country_code")]
    country: &'static str,
    #[serde(rename = "$feature/quick-checkout", skip_serializing_if = "Option::is_none")]
    quick_checkout: Option<Answer>,
    #[serde(rename = "$feature/smart-search", skip_serializing_if = "Option::is_none")]
    smart_search: Option<Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_test_account: Option<bool>,
    #[serde(flatten)]
    details: Details,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Details {
    PageView {
        #[serde(rename = "$pathname")]
        path: &'static str,
    },
    FlagCalled {
        #[serde(rename = "$feature_flag")]
        flag: &'static str,
        #[serde(rename = "$feature_flag_response")]
        response: Option<Answer>,
    },
    Identify {
        #[serde(rename = "$anon_distinct_id")]
        anonymous_id: Uuid,
        #[serde(rename = "$set")]
        set: PersonProperties,
    },
    Search {
        query: &'static str,
    },
    Product {
        product_id: u32,
        category: &'static str,
    },
    Purchase {
        product_id: u32,
        category: &'static str,
        revenue: f64,
        currency: &'static str,
    },
}

impl Event {
    /// The text of the column `properties`.
    pub(crate) fn properties_json(&self, person: &Person, flags: &[Flag; 2]) -> String {
        let device = &person.devices[usize::from(self.device)];
        let answer = |flag: usize| self.decisions[flag].map(|decision| Answer::new(&flags[flag], decision));
        let properties = Properties {
            session_id: self.session,
            device_type: device.kind,
            browser: device.browser,
            country: person.country,
            quick_checkout: answer(0),
            smart_search: answer(1),
            is_test_account: person.is_test_account.then_some(true),
            details: self.details(person, answer),
        };
        // Plain structs of text and finite numbers cannot fail to serialise; an empty object would show in any test.
        serde_json::to_string(&properties).unwrap_or_default()
    }

    fn details(&self, person: &Person, answer: impl Fn(usize) -> Option<Answer>) -> Details {
        match self.action {
            Action::PageView { path } => Details::PageView { path: PATHS[path as usize] },
            Action::FlagCalled { flag } => {
                Details::FlagCalled { flag: FLAG_KEYS[usize::from(flag)], response: answer(usize::from(flag)) }
            }
            Action::Identify => Details::Identify {
                anonymous_id: person.devices[usize::from(self.device)].id,
                set: PersonProperties { email: person.email() },
            },
            Action::Search { query } => Details::Search { query: QUERIES[query as usize] },
            Action::ProductViewed { product } | Action::CartAdded { product } | Action::CheckoutStarted { product } => {
                Details::Product { product_id: product, category: category(product) }
            }
            Action::Purchase { product, revenue_cents } => Details::Purchase {
                product_id: product,
                category: category(product),
                revenue: f64::from(revenue_cents) / 100.0,
                currency: "EUR",
            },
        }
    }
}

fn category(product: u32) -> &'static str {
    CATEGORIES[product as usize % CATEGORIES.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flag::flags;
    use crate::identifier::Identifiers;
    use crate::options::Options;

    fn event(action: Action) -> Event {
        let decisions = [Some(Decision::Variant(1)), Some(Decision::Off)];
        Event { uuid: Uuid::nil(), time_us: 0, session: Uuid::nil(), device: 0, signed_in: true, decisions, action }
    }

    fn person() -> Person {
        Person::new(&Options::default(), 5, &mut Identifiers::new(5), 0)
    }

    fn properties(action: Action) -> serde_json::Value {
        let person = person();
        serde_json::from_str(&event(action).properties_json(&person, &flags(100))).unwrap()
    }

    #[test]
    fn flag_answers_are_on_every_event() {
        let properties = properties(Action::PageView { path: 1 });
        assert_eq!(properties[format!("$feature/{}", FLAG_KEYS[0])], "test");
        assert_eq!(properties[format!("$feature/{}", FLAG_KEYS[1])], false);
        assert_eq!(properties["$pathname"], "/sale");
        assert!(properties.get("is_test_account").is_none());
    }

    #[test]
    fn a_flag_call_names_flag_and_response() {
        let properties = properties(Action::FlagCalled { flag: 0 });
        assert_eq!(properties["$feature_flag"], "quick-checkout");
        assert_eq!(properties["$feature_flag_response"], "test");
    }

    #[test]
    fn identify_links_the_device_and_sets_the_address() {
        let person = person();
        let properties = properties(Action::Identify);
        assert_eq!(properties["$anon_distinct_id"], person.devices[0].id.to_string());
        assert_eq!(properties["$set"]["email"], "user-0000005@example.net");
    }

    #[test]
    fn revenue_is_a_number() {
        assert_eq!(properties(Action::Purchase { product: 3, revenue_cents: 1250 })["revenue"], 12.5);
    }
}
