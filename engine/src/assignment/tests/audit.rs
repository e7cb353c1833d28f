//! The audit against an oracle that is slow and obvious, and each reason by itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::evaluator;
use crate::model::flag::FeatureFlag;

/// An assignment as a test writes it.
#[derive(Clone, Debug)]
struct Row {
    person: u32,
    id: String,
    group: Option<String>,
    source: Source,
    value: Option<String>,
    first_seen: i64,
    events: u64,
}

impl Row {
    fn new(person: u32, id: &str, value: &str) -> Self {
        let value = Some(value.to_owned());
        Self {
            person,
            id: id.to_owned(),
            group: None,
            source: Source::FlagCalled,
            value,
            first_seen: 1_000_000,
            events: 2,
        }
    }

    fn logged(&self) -> Logged<'_> {
        Logged {
            person: self.person,
            distinct_id: &self.id,
            group: self.group.as_deref(),
            source: self.source,
            value: self.value.as_deref(),
            first_seen_microseconds: self.first_seen,
            last_seen_microseconds: self.first_seen + 7,
            events: self.events,
        }
    }
}

fn flag(filters: Value) -> FeatureFlag {
    FeatureFlag::from_json(json!({"key": "a-b-test", "filters": filters})).unwrap()
}

fn split(control: u32, rollout: u32) -> Value {
    json!({"groups": [{"rollout_percentage": rollout}], "multivariate": {"variants": [
        {"key": "control", "rollout_percentage": control}, {"key": "test", "rollout_percentage": 100 - control},
    ]}})
}

fn auditor<'a>(flag: &FeatureFlag, definitions: Vec<Definition>) -> Auditor<'a> {
    let values: Vec<_> = flag.variants().iter().map(|variant| variant.key.clone()).collect();
    Auditor::new(evaluator(flag), values, definitions, 3)
}

fn run(mut auditor: Auditor<'_>, rows: &[Row]) -> (Tally, Vec<Disagreement>) {
    let mut all = Vec::new();
    let mut list = |one: &Disagreement| {
        all.push(one.clone());
        Ok(())
    };
    for row in rows {
        auditor.add(&row.logged(), &mut list).unwrap();
    }
    let tally = auditor.finish(&mut list).unwrap();
    (tally, all)
}

fn given(flag: &FeatureFlag, id: &str) -> String {
    evaluator(flag).evaluate(&Subject::new(id)).map_or("false", |evaluation| evaluation.value().as_text()).to_owned()
}

fn other(value: &str) -> &'static str {
    if value == "control" { "test" } else { "control" }
}

fn reason_of(flag: &FeatureFlag, definitions: Vec<Definition>, rows: &[Row]) -> DisagreementReason {
    let (tally, all) = run(auditor(flag, definitions), rows);
    assert_eq!((all.len(), tally.sources[0].disagreeing), (1, 1), "{all:?}");
    all[0].reason
}

#[test]
fn a_carried_over_variant_is_told_by_the_other_id() {
    let flag = flag(split(50, 100));
    let ids: Vec<String> = (0..20).map(|index| format!("id-{index}")).collect();
    let control = ids.iter().find(|id| given(&flag, id) == "control").unwrap();
    let test = ids.iter().find(|id| given(&flag, id) == "test").unwrap();
    let together = [Row::new(1, control, "control"), Row::new(1, test, "control")];
    assert_eq!(reason_of(&flag, vec![], &together), DisagreementReason::OtherId);
    let apart = [Row::new(1, control, "control"), Row::new(2, test, "control")];
    assert_eq!(reason_of(&flag, vec![], &apart), DisagreementReason::Unexplained);
}

#[test]
fn an_earlier_flag_explains_only_what_was_logged_in_its_time() {
    let now = flag(split(100, 100));
    let before = flag(split(0, 100));
    let definition = |second: i64, flag: &FeatureFlag| Definition {
        from: Timestamp::from_second(second).unwrap(),
        evaluator: Some(evaluator(flag)),
    };
    let at = |second: i64| [Row { first_seen: second * 1_000_000, ..Row::new(1, "a", "test") }];
    let definitions = || vec![definition(10, &before), definition(20, &now)];
    assert_eq!(reason_of(&now, definitions(), &at(15)), DisagreementReason::FlagChanged);
    assert_eq!(reason_of(&now, definitions(), &at(20)), DisagreementReason::Unexplained);
    assert_eq!(reason_of(&now, definitions(), &at(9)), DisagreementReason::Unexplained);
    // F-1: switched off, it answers nothing.
    let off = FeatureFlag { active: false, ..now.clone() };
    let logged_off = [Row { first_seen: 15_000_000, ..Row::new(1, "a", "false") }];
    assert_eq!(reason_of(&now, vec![definition(10, &off)], &logged_off), DisagreementReason::FlagChanged);
    let (tally, _) = run(auditor(&now, definitions()), &at(15));
    assert_eq!((tally.flag_changes, tally.definitions_not_evaluable), (1, 0));
}

#[test]
fn holdouts_rollouts_and_foreign_variants_are_told() {
    let mut filters = split(50, 100);
    filters["holdout_groups"] = json!([{"rollout_percentage": 100, "variant": "holdout-1"}]);
    assert_eq!(reason_of(&flag(filters), vec![], &[Row::new(1, "a", "test")]), DisagreementReason::Holdout);
    let plain = flag(split(50, 100));
    assert_eq!(reason_of(&plain, vec![], &[Row::new(1, "a", "holdout-1")]), DisagreementReason::Holdout);
    assert_eq!(reason_of(&plain, vec![], &[Row::new(1, "a", "Control")]), DisagreementReason::UnknownVariant);
    assert_eq!(reason_of(&plain, vec![], &[Row::new(1, "a", "false")]), DisagreementReason::Rollout);
    let nobody = FeatureFlag::from_json(json!({"key": "x", "filters": {"groups": []}})).unwrap();
    assert_eq!(reason_of(&nobody, vec![], &[Row::new(1, "a", "true")]), DisagreementReason::Rollout);
}

#[test]
fn unknown_properties_leave_an_id_open_until_they_are_known() {
    let mut filters = split(100, 100);
    filters["groups"] = json!([{"properties": [{"key": "plan", "value": "pro", "type": "person"}]}]);
    let flag = flag(filters);
    let rows = [Row::new(1, "ann", "control"), Row::new(2, "bob", "control")];
    let (tally, all) = run(auditor(&flag, vec![]), &rows);
    let called = &tally.sources[0];
    assert_eq!((called.not_evaluable, called.agreement, all.len()), (2, None, 0));
    assert_eq!(tally.not_evaluable, [NotEvaluable::UnknownProperties]);
    assert_eq!(called.matrix[0].recomputed, None);
    let known = |logged: &Logged<'_>| {
        (logged.distinct_id == "ann").then(|| Properties::from_iter([("plan".to_owned(), json!("pro"))]))
    };
    let (tally, _) = run(auditor(&flag, vec![]).knowing(&known), &rows);
    assert_eq!((tally.sources[0].agreeing, tally.sources[0].not_evaluable), (1, 1));
}

#[test]
fn groups_are_assigned_together() {
    // F-2
    let mut filters = split(50, 100);
    filters["aggregation_group_type_index"] = json!(0);
    let flag = flag(filters);
    let references = References { group_types: BTreeMap::from([(0, "0".to_owned())]), ..References::default() };
    let group_evaluator = || Evaluator::new(&flag, &references).unwrap();
    let of_group = |group: &str| {
        let groups = BTreeMap::from([("0".to_owned(), group.to_owned())]);
        let subject = Subject { groups: Some(&groups), ..Subject::new("ann") };
        group_evaluator().evaluate(&subject).unwrap().value().as_text().to_owned()
    };
    let row =
        |group: Option<&str>, value: &str| Row { group: group.map(ToOwned::to_owned), ..Row::new(1, "ann", value) };
    let rows = [row(None, "false"), row(Some("acme"), &of_group("acme")), row(Some("bolt"), other(&of_group("bolt")))];
    let values = ["control", "test"].map(ToOwned::to_owned);
    let (tally, all) = run(Auditor::new(group_evaluator(), values, vec![], 3), &rows);
    let called = &tally.sources[0];
    assert_eq!((called.ids, called.ids_with_several_values, called.agreeing, called.disagreeing), (1, 0, 1, 1));
    assert_eq!((called.not_evaluable, tally.not_evaluable.as_slice()), (1, &[NotEvaluable::UnknownGroup][..]));
    assert_eq!(all[0].group.as_deref(), Some("bolt"));
}

#[test]
fn a_log_full_of_foreign_values_takes_no_room() {
    let rows: Vec<_> = (0..500).map(|index| Row::new(index, "a", &format!("value-{index:03}"))).collect();
    let (tally, _) = run(auditor(&flag(split(50, 100)), vec![]), &rows);
    let matrix = &tally.sources[0].matrix;
    assert_eq!(matrix.len(), 101);
    assert_eq!(matrix.last().map(|cell| (cell.logged.as_str(), cell.assignments)), Some(("…", 400)));
}

#[test]
fn a_person_of_very_many_ids_is_decided_in_parts() {
    let flag = flag(split(50, 100));
    let rows: Vec<_> = (0..25_000).map(|index| Row::new(1, &format!("id-{index:05}"), "control")).collect();
    let (tally, all) = run(auditor(&flag, vec![]), &rows);
    let called = &tally.sources[0];
    assert_eq!(called.agreeing + called.disagreeing, 25_000);
    assert!(all.iter().all(|one| one.reason == DisagreementReason::OtherId));
    assert_eq!(tally.examples.len(), 3);
}

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let value = prop_oneof![
        8 => "control|test|false".prop_map(Some),
        1 => "true|holdout-1|Test|x".prop_map(Some),
        1 => Just(None),
    ];
    let row = (0_u32..6, "[a-d]", any::<bool>(), value, 0_i64..50, 1_u64..5);
    prop::collection::vec(row, 0..60).prop_map(|rows| {
        // As the query gives them: one row per id, source and value, in order; an id belongs to one person.
        let mut seen = BTreeMap::new();
        for (person, letter, is_call, value, second, events) in rows {
            let source = if is_call { Source::FlagCalled } else { Source::EventProperty };
            let value = value.filter(|_| is_call || second % 2 == 0).or_else(|| (!is_call).then(|| "test".to_owned()));
            let id = format!("{letter}-{person}");
            seen.entry((person, id, source, value)).or_insert((second * 1_000_000, events));
        }
        let row = |((person, id, source, value), (first_seen, events))| Row {
            person,
            id,
            group: None,
            source,
            value,
            first_seen,
            events,
        };
        seen.into_iter().map(row).collect()
    })
}

/// What an audit finds by its words, source by source: agreeing, disagreeing, unanswered, ids, ids with several values.
fn oracle(flag: &FeatureFlag, rows: &[Row], source: Source) -> (u64, u64, u64, u64, u64) {
    let of_source: Vec<_> = rows.iter().filter(|row| row.source == source).collect();
    let ids: BTreeSet<_> = of_source.iter().map(|row| &row.id).collect();
    let values = |id: &String| {
        of_source.iter().filter(|row| row.id == *id).filter_map(|row| row.value.as_ref()).collect::<BTreeSet<_>>()
    };
    let answered = || of_source.iter().filter_map(|row| Some((row, row.value.as_ref()?)));
    let agreeing = answered().filter(|(row, value)| **value == given(flag, &row.id)).count();
    let disagreeing = answered().filter(|(row, value)| **value != given(flag, &row.id)).count();
    let unanswered = of_source.iter().filter(|row| row.value.is_none()).count();
    let several = ids.iter().filter(|id| values(id).len() > 1).count();
    (agreeing as u64, disagreeing as u64, unanswered as u64, ids.len() as u64, several as u64)
}

/// The reason by its words, for a flag that never changed.
fn reason_by_words(flag: &FeatureFlag, rows: &[Row], one: &Disagreement) -> DisagreementReason {
    let person = rows.iter().find(|row| row.id == one.distinct_id).unwrap().person;
    let others = rows.iter().filter(|row| row.person == person && row.id != one.distinct_id && row.value.is_some());
    if one.logged.starts_with("holdout-") {
        DisagreementReason::Holdout
    } else if !["control", "test", "true", "false"].contains(&one.logged.as_str()) {
        DisagreementReason::UnknownVariant
    } else if others.clone().any(|row| given(flag, &row.id) == one.logged) {
        DisagreementReason::OtherId
    } else if (one.logged == "false") != (one.recomputed == "false") {
        DisagreementReason::Rollout
    } else {
        DisagreementReason::Unexplained
    }
}

proptest! {
    #[test]
    fn every_assignment_falls_where_the_words_put_it(rows in any_rows(), control in 0_u32..=100, rollout in 0_u32..=100) {
        let flag = flag(split(control, rollout));
        let (tally, all) = run(auditor(&flag, vec![]), &rows);
        for audit in &tally.sources {
            let found = (audit.agreeing, audit.disagreeing, audit.unanswered, audit.ids, audit.ids_with_several_values);
            prop_assert_eq!(found, oracle(&flag, &rows, audit.source));
            // The matrix, the reasons and the list tell of the same assignments.
            let diagonal = audit.matrix.iter().filter(|cell| cell.recomputed.as_ref() == Some(&cell.logged));
            prop_assert_eq!(diagonal.map(|cell| cell.assignments).sum::<u64>(), audit.agreeing);
            let whole: u64 = audit.matrix.iter().map(|cell| cell.assignments).sum();
            prop_assert_eq!(whole, audit.agreeing + audit.disagreeing);
            prop_assert_eq!(audit.reasons.iter().map(|count| count.assignments).sum::<u64>(), audit.disagreeing);
            let listed: Vec<_> = all.iter().filter(|one| one.source == audit.source).collect();
            prop_assert_eq!(listed.len() as u64, audit.disagreeing);
            prop_assert_eq!(audit.disagreeing_since, listed.iter().map(|one| one.first_seen).min());
            prop_assert_eq!(audit.disagreeing_until, listed.iter().map(|one| one.last_seen).max());
            let events: u64 = rows.iter().filter(|row| row.source == audit.source && row.value.is_some()).map(|row| row.events).sum();
            prop_assert_eq!(audit.matrix.iter().map(|cell| cell.events).sum::<u64>(), events);
        }
        for one in &all {
            prop_assert_eq!(one.reason, reason_by_words(&flag, &rows, one));
        }
        let mut sorted = all;
        sorted.sort();
        sorted.truncate(3);
        prop_assert_eq!(tally.examples, sorted);
    }
}
