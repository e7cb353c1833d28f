//! Actions: events that mean the same, under one name (query rule Q-A1).

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::filter::{ElementFilter, ElementPart, Filter, Operator, PropertyFilter, Selector};
use super::payload::{Payload, list};
use crate::error::{Error, Result};

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
    #[serde(deserialize_with = "list_or_null")]
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

/// The request to make an action.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateAction {
    /// The name, 1 to 400 characters.
    #[schemars(length(min = 1, max = 400))]
    pub name: String,
    /// The description, at most 400 characters.
    #[schemars(length(max = 400))]
    pub description: Option<String>,
    /// The ways to match; one suffices.
    #[schemars(default)]
    pub steps: Vec<ActionStep>,
}

/// The request to change an action; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct UpdateAction {
    /// The new name.
    pub name: Option<String>,
    /// The new description; `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// The new ways to match, in place of all there were.
    pub steps: Option<Vec<ActionStep>>,
}

/// What a client may give.
const WRITABLE: [&str; 3] = ["name", "description", "steps"];

/// What a client may send back, without effect.
const READ_ONLY: [&str; 4] = ["id", "created_by", "created_at", "updated_at"];

/// The property that holds the page's address.
const ADDRESS: &str = "$current_url";

impl CreateAction {
    /// The JSON Schema (2020-12) of a request.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Reads the request.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a field is missing, unknown or of the wrong form, or a step cannot be understood.
    ///
    /// ```
    /// use abduck::model::action::CreateAction;
    ///
    /// let steps = serde_json::json!([{"event": "$pageview", "url": "/pricing"}, {"event": "asked for a price"}]);
    /// let request = CreateAction::from_json(serde_json::json!({"name": "Interested", "steps": steps}))?;
    /// assert_eq!(request.steps.len(), 2);
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn from_json(request: Value) -> Result<Self> {
        let mut payload = Payload::open(request, &WRITABLE, &READ_ONLY)?;
        Ok(Self {
            name: payload.required_text("name")?,
            description: payload.nullable_text("description")?,
            steps: steps(payload.nullable_list("steps")?.unwrap_or_default())?,
        })
    }
}

impl UpdateAction {
    /// Reads the request.
    ///
    /// # Errors
    /// As [`CreateAction::from_json`], but nothing is required.
    pub fn from_json(request: Value) -> Result<Self> {
        let [has_name, has_description, has_steps] = WRITABLE.map(|field| request.get(field).is_some());
        let mut payload = Payload::open(request, &WRITABLE, &READ_ONLY)?;
        Ok(Self {
            name: has_name.then(|| payload.required_text("name")).transpose()?,
            description: has_description.then(|| payload.nullable_text("description")).transpose()?,
            steps: has_steps.then(|| steps(payload.nullable_list("steps")?.unwrap_or_default())).transpose()?,
        })
    }
}

impl ActionStep {
    /// What an event of the step's name must pass; `field` is where the step stands, for messages.
    ///
    /// # Errors
    /// `Invalid` when a property filter is malformed (Q-P23), the pattern of an address is none, or a selector asks for more
    /// than captured elements can answer.
    pub fn filter(&self, field: &str) -> Result<Filter> {
        let mut parts = Vec::new();
        for (index, property) in self.properties.iter().enumerate() {
            parts.push(Filter::parse(property, &format!("{field}.properties[{index}]"))?);
        }
        parts.extend(self.address(field)?);
        if let Some(selector) = self.selector.as_deref().filter(|selector| !selector.trim().is_empty()) {
            parts.push(Filter::Selector(Selector::parse(selector, &format!("{field}.selector"))?));
        }
        let elements =
            [(ElementPart::TagName, &self.tag_name), (ElementPart::Text, &self.text), (ElementPart::Href, &self.href)];
        // As in the reference, an empty text asks for nothing.
        let given = elements.into_iter().filter_map(|(part, value)| Some((part, value.as_deref()?)));
        let given = given.filter(|(_, value)| !value.is_empty());
        parts.extend(given.map(|(part, value)| Filter::Element(ElementFilter::exact(part, value))));
        Ok(Filter::All(parts))
    }

    fn address(&self, field: &str) -> Result<Option<Filter>> {
        let Some(url) = self.url.as_deref().filter(|url| !url.is_empty()) else { return Ok(None) };
        let operator = match self.url_matching.unwrap_or_default() {
            UrlMatching::Contains => Operator::Contains,
            UrlMatching::Regex => Operator::Regex,
            UrlMatching::Exact => Operator::Exact,
        };
        if let (Operator::Regex, Err(error)) = (operator, regex::Regex::new(url)) {
            return Err(Error::invalid_field(format!("{field}.url"), "invalid_input", error.to_string())
                .hint("compare literally with the url_matching contains or exact"));
        }
        let values = vec![url.to_owned()];
        Ok(Some(Filter::Property(PropertyFilter { key: ADDRESS.to_owned(), operator, values })))
    }
}

/// The steps of a request, each checked.
fn steps(items: Vec<Value>) -> Result<Vec<ActionStep>> {
    let read = |(index, item): (usize, Value)| {
        let field = format!("steps[{index}]");
        let step: ActionStep = serde_json::from_value(item)
            .map_err(|error| Error::invalid_field(&field, "invalid", format!("the step cannot be read: {error}")))?;
        step.filter(&field)?;
        Ok(step)
    };
    items.into_iter().enumerate().map(read).collect()
}

fn list_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(Vec::new()),
        other => list("properties", other).map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn steps_that_cannot_be_understood_are_refused_with_their_place() {
        for (step, field, code) in [
            (json!({"properties": [{"key": "a"}]}), "steps[0].properties[0]", "invalid_input"),
            (json!({"url": "(", "url_matching": "regex"}), "steps[0].url", "invalid_input"),
            (json!({"selector": "a ~ b"}), "steps[0].selector", "invalid_input"),
            (json!({"evnt": "a"}), "steps[0]", "invalid"),
            (json!({"url_matching": "begins"}), "steps[0]", "invalid"),
            (json!("a"), "steps[0]", "invalid"),
        ] {
            let error = CreateAction::from_json(json!({"name": "a", "steps": [step]})).unwrap_err();
            let ErrorKind::Invalid { field: found, code: found_code, .. } = error.kind() else { panic!("{error:?}") };
            assert_eq!((found.as_deref(), *found_code), (Some(field), code), "{step}");
        }
        assert_eq!(CreateAction::from_json(json!({"name": ""})).unwrap_err().code(), "blank");
        assert_eq!(UpdateAction::from_json(json!({"stps": []})).unwrap_err().code(), "unknown_field");
    }

    #[test]
    fn an_update_tells_absent_from_removed() {
        let update = UpdateAction::from_json(json!({"description": null, "steps": null, "id": 5})).unwrap();
        assert_eq!(update, UpdateAction { name: None, description: Some(None), steps: Some(Vec::new()) });
        let same = json!({"event": null, "properties": null, "url": "", "selector": null, "text": ""});
        let step = &UpdateAction::from_json(json!({"steps": [same]})).unwrap().steps.unwrap()[0];
        assert!(step.filter("steps[0]").unwrap().is_everything());
    }
}
