//! What units did before their exposure, taken out of a metric (M-61).

use serde_json::Value;

use crate::error::Result;
use crate::model::fields::Fields;

/// How far back the covariate reaches without other word, in days.
pub(crate) const LOOKBACK_DAYS: i64 = 14;

/// Whether the units' own past is taken out of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cuped {
    /// It is not.
    Off,
    /// What they did so many days before their first exposure is.
    Days(i64),
}

impl Cuped {
    /// Reads `{"enabled": true, "lookback_days": 14}`; the days are kept within 1 to 30, and what is no number means 14.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self> {
        fields.refuse_unknown(&["enabled", "lookback_days"])?;
        let days = match fields.get("lookback_days") {
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(days) => days.as_i64(),
            None => None,
        };
        let is_on = fields.boolean("enabled")?;
        Ok(if is_on { Self::Days(days.unwrap_or(LOOKBACK_DAYS).clamp(1, 30)) } else { Self::Off })
    }

    /// The days before the first exposure that are looked at; `None` when the past is not taken out.
    #[must_use]
    pub fn days(self) -> Option<i64> {
        match self {
            Self::Off => None,
            Self::Days(days) => Some(days),
        }
    }
}
