//! Actions: events that mean the same, under one name (query rule Q-A1).

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A named set of events: whatever matches one of its steps. Without steps it matches nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Chosen by the catalog; 0 until then.
    pub id: i64,
    /// The name, at most 400 characters.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// The ways to match; one suffices.
    pub steps: Vec<ActionStep>,
    /// Who made the action.
    pub created_by: Option<String>,
    /// When the action was made.
    pub created_at: Timestamp,
    /// When the action was last changed.
    pub updated_at: Timestamp,
}

/// One way to match an action: every part given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ActionStep {
    /// The event's name; null is any event.
    pub event: Option<String>,
    /// Property filters, all of which must hold.
    pub properties: Vec<Value>,
    /// The page's address, compared as `url_matching` says.
    pub url: Option<String>,
    /// How the address is compared.
    pub url_matching: Option<UrlMatching>,
    /// The clicked element's tag.
    pub tag_name: Option<String>,
    /// The clicked element's text.
    pub text: Option<String>,
    /// The clicked element's link target.
    pub href: Option<String>,
    /// A CSS selector the clicked element must match.
    pub selector: Option<String>,
}

/// How the address of an action step is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UrlMatching {
    /// The address contains the text; used when nothing is said.
    #[default]
    Contains,
    /// The pattern is found in the address.
    Regex,
    /// The address equals the text.
    Exact,
}
