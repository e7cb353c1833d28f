//! Properties of sessions: what the events of one session come to, whatever else a question looks at (M-24, Q-D2, Q-P1).

use serde::Serialize;

/// The property that names an event's session.
pub const SESSION_ID: &str = "$session_id";

/// What is asked about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionProperty {
    /// The whole seconds from its first event to its last.
    Duration,
    /// When its first event happened.
    Start,
    /// When its last event happened.
    End,
    /// How many events of a name it has.
    Events(&'static str),
    /// A property, as the first of its events that has it says.
    Entry(&'static str),
    /// A property, as the last of its events that has it says.
    Exit(&'static str),
}

use SessionProperty::{Duration, End, Entry, Events, Exit, Start};

/// The properties by name.
const PROPERTIES: [(&str, SessionProperty); 20] = [
    ("$session_duration", Duration),
    ("$start_timestamp", Start),
    ("$end_timestamp", End),
    ("$pageview_count", Events("$pageview")),
    ("$autocapture_count", Events("$autocapture")),
    ("$screen_count", Events("$screen")),
    ("$entry_current_url", Entry("$current_url")),
    ("$entry_pathname", Entry("$pathname")),
    ("$entry_hostname", Entry("$host")),
    ("$entry_referring_domain", Entry("$referring_domain")),
    ("$entry_utm_source", Entry("utm_source")),
    ("$entry_utm_campaign", Entry("utm_campaign")),
    ("$entry_utm_medium", Entry("utm_medium")),
    ("$entry_utm_term", Entry("utm_term")),
    ("$entry_utm_content", Entry("utm_content")),
    ("$entry_gclid", Entry("gclid")),
    ("$entry_gad_source", Entry("gad_source")),
    ("$end_current_url", Exit("$current_url")),
    ("$end_pathname", Exit("$pathname")),
    ("$end_hostname", Exit("$host")),
];

impl SessionProperty {
    /// The property of a name; `None` when there is none.
    ///
    /// ```
    /// use abduck::model::session::SessionProperty;
    ///
    /// assert_eq!(SessionProperty::named("$pageview_count"), Some(SessionProperty::Events("$pageview")));
    /// assert_eq!(SessionProperty::named("$channel_type"), None);
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        PROPERTIES.iter().find(|(known, _)| *known == name).map(|(_, property)| *property)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        PROPERTIES.iter().find(|(_, property)| *property == self).map_or("", |(name, _)| *name)
    }

    /// Whether it is a number, so that metrics can compute with it.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Duration | Events(_))
    }

    /// The names of all, or of those that are numbers, for messages.
    pub(crate) fn names(only_numbers: bool) -> String {
        let wanted = PROPERTIES.iter().filter(|(_, property)| property.is_number() || !only_numbers);
        wanted.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}
