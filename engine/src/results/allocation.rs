//! Whether the split of an experiment changed while it ran. The events cannot tell; the audit log of its flag can.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::model::experiment::Experiment;
use crate::model::flag::{FeatureFlag, FlagFilters};
use crate::results::Warning;

/// A change of a flag, as the audit log has it.
#[derive(Clone, Debug, PartialEq)]
pub struct FlagChange {
    /// When it was made.
    pub at: Timestamp,
    /// Who made it, if known.
    pub who: Option<String>,
    /// The flag before, in its outward form.
    pub before: Value,
    /// The flag after.
    pub after: Value,
}

/// How many changes a warning names one by one.
const NAMED_MAX: usize = 3;

/// The warnings that the flag of an experiment gives rise to: `allocation_changed` (B-24, M-64) and `variants_differ`
/// (B-19). They depend on the catalog alone, so they are never part of what is kept.
///
/// `changes` are those of the experiment's flag, oldest first.
#[must_use]
pub fn flag_warnings(
    experiment: &Experiment,
    flag: &FeatureFlag,
    changes: &[FlagChange],
    as_of: Timestamp,
) -> Vec<Warning> {
    let end = experiment.end_date.map_or(as_of, |end| end.min(as_of));
    let while_running = experiment.start_date.and_then(|start| allocation_changed(changes, start, end));
    // What becomes of the flag after the end, such as shipping a variant, does not concern the experiment.
    let later = experiment.end_date.and_then(|end| changes.iter().find(|change| change.at >= end));
    let at_the_end = later.map(|change| shares(&change.before));
    let differing = variants_differ(experiment, &shares_of(&flag.filters), at_the_end.as_ref());
    while_running.into_iter().chain(differing).collect()
}

fn allocation_changed(changes: &[FlagChange], start: Timestamp, end: Timestamp) -> Option<Warning> {
    let mut was_switched_off = false;
    let mut described = Vec::new();
    for change in changes.iter().filter(|change| start < change.at && change.at < end) {
        let mut parts = changed_parts(&change.before, &change.after);
        let is_switched_on = change.after["active"] == true;
        if change.before["active"] != change.after["active"] {
            // The first switching on is the launch itself, also of an experiment whose start was set back.
            match (is_switched_on, was_switched_off) {
                (true, false) => {}
                (true, true) => parts.push("it was switched on again".to_owned()),
                (false, _) => parts.push("it was switched off".to_owned()),
            }
            was_switched_off = !is_switched_on;
        }
        if !parts.is_empty() {
            described.push(format!("on {}{}: {}", change.at, by(change), parts.join(", ")));
        }
    }
    let count = described.len();
    let more = if count > NAMED_MAX { format!("; and {} more", count - NAMED_MAX) } else { String::new() };
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    (count > 0).then(|| Warning {
        code: "allocation_changed".into(),
        message: format!(
            "the flag was changed {times} while the experiment ran: {}{more}",
            described[..count.min(NAMED_MAX)].join("; ")
        ),
        next_step:
            "persons who came before and after such a change are mixed in one result: look at the time before it with \
                    `--as-of`, see who was moved with `abduck experiment audit KEY`, or run the experiment anew with \
                    `abduck experiment reset KEY`"
                .into(),
    })
}

fn by(change: &FlagChange) -> String {
    change.who.as_ref().map_or_else(String::new, |who| format!(" by {who}"))
}

/// What of a flag's allocation differs, in words.
fn changed_parts(before: &Value, after: &Value) -> Vec<String> {
    let differs =
        |path: &str| before.pointer(path).unwrap_or(&Value::Null) != after.pointer(path).unwrap_or(&Value::Null);
    let mut parts = Vec::new();
    let (split_before, split_after) = (split(before), split(after));
    if split_before != split_after {
        parts.push(format!("the split went from {} to {}", in_words(&split_before), in_words(&split_after)));
    }
    if differs("/filters/groups") {
        let rollouts = (rollouts(before), rollouts(after));
        parts.push(match rollouts {
            (before, after) if before != after => format!("the rollout went from {before} to {after}"),
            _ => "the release conditions changed".to_owned(),
        });
    }
    for (path, words) in [
        ("/rollout_percentage", "the rollout changed"),
        ("/filters/properties", "the release conditions changed"),
        ("/filters/super_groups", "the early-access conditions changed"),
        ("/filters/holdout_groups", "the holdout changed"),
        ("/filters/aggregation_group_type_index", "what is assigned together changed"),
        ("/ensure_experience_continuity", "whether persons keep their variant when they sign in changed"),
        ("/key", "its key changed"),
    ] {
        if differs(path) {
            parts.push(words.to_owned());
        }
    }
    if differs("/deleted") {
        parts.push(if after["deleted"] == true { "it was deleted" } else { "it was restored" }.to_owned());
    }
    parts
}

/// The variants with their shares, in their order, which is a part of the split (F-10).
fn split(flag: &Value) -> Vec<(String, f64)> {
    let variants = flag.pointer("/filters/multivariate/variants").and_then(Value::as_array);
    named_shares(variants.map(Vec::as_slice).unwrap_or_default())
}

fn named_shares(variants: &[Value]) -> Vec<(String, f64)> {
    let share = |variant: &Value| {
        Some((variant["key"].as_str()?.to_owned(), variant["rollout_percentage"].as_f64().unwrap_or_default()))
    };
    variants.iter().filter_map(share).collect()
}

fn shares(flag: &Value) -> BTreeMap<String, f64> {
    split(flag).into_iter().collect()
}

fn shares_of(filters: &FlagFilters) -> BTreeMap<String, f64> {
    let variants = filters.multivariate.iter().flat_map(|multivariate| &multivariate.variants);
    variants.map(|variant| (variant.key.clone(), variant.rollout_percentage)).collect()
}

/// The rollouts of the release conditions: `100 %`, or `50 %, 20 %`.
fn rollouts(flag: &Value) -> String {
    let groups = flag.pointer("/filters/groups").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rollout = |group: &Value| format!("{} %", group["rollout_percentage"].as_f64().unwrap_or(100.0));
    if groups.is_empty() { "nobody".to_owned() } else { groups.iter().map(rollout).collect::<Vec<_>>().join(", ") }
}

fn in_words<'a>(shares: impl IntoIterator<Item = &'a (String, f64)>) -> String {
    let words: Vec<_> = shares.into_iter().map(|(key, share)| format!("{key} {share} %")).collect();
    if words.is_empty() { "no variants".to_owned() } else { words.join(" / ") }
}

/// B-19: the flag is the only source of the split.
fn variants_differ(
    experiment: &Experiment,
    flag: &BTreeMap<String, f64>,
    at_the_end: Option<&BTreeMap<String, f64>>,
) -> Option<Warning> {
    let parameters = experiment.parameters.as_ref()?;
    let given = named_shares(parameters.get("feature_flag_variants")?.as_array()?);
    let given: BTreeMap<String, f64> = given.into_iter().collect();
    let words = |shares: &BTreeMap<String, f64>| in_words(&shares.clone().into_iter().collect::<Vec<_>>());
    (!given.is_empty() && given != *flag && at_the_end != Some(&given)).then(|| Warning {
        code: "variants_differ".into(),
        message: format!(
            "the experiment's parameters name other variants ({}) than its flag has ({}); the flag is what counts",
            words(&given),
            words(flag)
        ),
        next_step: "change the split on the flag itself, which brings the parameters in line".into(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(day: u32) -> Timestamp {
        format!("2024-01-{day:02}T00:00:00Z").parse().unwrap()
    }

    fn flag(control: u32, active: bool) -> Value {
        json!({"key": "f", "active": active, "deleted": false, "filters": {
            "groups": [{"properties": [], "rollout_percentage": 100}],
            "multivariate": {"variants": [
                {"key": "control", "rollout_percentage": control}, {"key": "test", "rollout_percentage": 100 - control},
            ]},
        }})
    }

    fn change(day: u32, before: &Value, after: &Value) -> FlagChange {
        FlagChange { at: at(day), who: Some("ada".into()), before: before.clone(), after: after.clone() }
    }

    fn said(changes: &[FlagChange]) -> Option<String> {
        allocation_changed(changes, at(2), at(20)).map(|warning| warning.message)
    }

    #[test]
    fn a_change_of_the_split_says_when_and_what() {
        // B-24, M-64
        let changes = [change(5, &flag(50, true), &flag(90, true))];
        insta::assert_snapshot!(said(&changes).unwrap(), @"the flag was changed once while the experiment ran: on 2024-01-05T00:00:00Z by ada: the split went from control 50 % / test 50 % to control 90 % / test 10 %");
    }

    #[test]
    fn changes_before_the_start_and_after_the_end_are_none() {
        for day in [1, 2, 20, 21] {
            assert_eq!(said(&[change(day, &flag(50, true), &flag(90, true))]), None, "day {day}");
        }
    }

    #[test]
    fn launching_is_no_change_but_pausing_is() {
        let (on, off) = (flag(50, true), flag(50, false));
        assert_eq!(said(&[change(3, &off, &on)]), None);
        let paused = said(&[change(3, &off, &on), change(5, &on, &off), change(6, &off, &on)]).unwrap();
        assert!(
            paused.contains("changed 2 times")
                && paused.contains("on 2024-01-05T00:00:00Z by ada: it was switched off")
        );
        assert!(paused.contains("it was switched on again"), "{paused}");
    }

    #[test]
    fn every_part_of_the_allocation_counts_and_names_do_not() {
        let base = flag(50, true);
        for (path, value, words) in [
            (
                "/filters/groups",
                json!([{"properties": [], "rollout_percentage": 20}]),
                "the rollout went from 100 % to 20 %",
            ),
            (
                "/filters/groups",
                json!([{"properties": [{"key": "a"}], "rollout_percentage": 100}]),
                "release conditions",
            ),
            ("/filters/multivariate/variants/0/rollout_percentage", json!(60), "the split went"),
            ("/deleted", json!(true), "it was deleted"),
        ] {
            let mut changed = base.clone();
            *changed.pointer_mut(path).unwrap() = value;
            assert!(said(&[change(5, &base, &changed)]).unwrap().contains(words), "{path}");
        }
        let mut held_out = base.clone();
        held_out["filters"]["holdout_groups"] = json!([{"rollout_percentage": 5, "variant": "holdout-1"}]);
        assert!(said(&[change(5, &base, &held_out)]).unwrap().contains("the holdout changed"));
        let mut renamed = base.clone();
        renamed["name"] = json!("another name");
        renamed["filters"]["multivariate"]["variants"][0]["name"] = json!("another name");
        assert_eq!(said(&[change(5, &base, &renamed)]), None);
    }

    #[test]
    fn many_changes_are_counted() {
        let changes: Vec<_> = (3..10).map(|day| change(day, &flag(50 + day, true), &flag(51 + day, true))).collect();
        let said = said(&changes).unwrap();
        assert!(said.contains("changed 7 times") && said.ends_with("; and 4 more"), "{said}");
    }
}
