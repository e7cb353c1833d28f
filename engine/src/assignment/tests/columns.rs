//! Tables get what each of their rows gets alone.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use serde_json::{Value, json};

use super::super::*;
use super::{condition, evaluator, flag};
use crate::error::ErrorKind;

fn layout() -> Layout {
    Layout { id_column: ID_COLUMN.to_owned(), group_column: None }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn ids(ids: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(ids.to_vec()))
}

/// Which rows of a column one condition lets in.
fn matches(condition: Value, column: ArrayRef) -> Vec<bool> {
    let flag = flag("f", json!({"groups": [{"properties": [condition]}]}));
    let names: Vec<String> = (0..column.len()).map(|row| row.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let batch = batch(vec![(ID_COLUMN, ids(&names)), ("p", column)]);
    let answer = evaluate_batch(&evaluator(&flag), &batch, &layout()).unwrap();
    answer.column_by_name("match").unwrap().as_boolean().iter().flatten().collect()
}

#[test]
fn columns_are_read_as_json_would_be() {
    let exact = |value: Value| condition("exact", &value);
    assert_eq!(matches(exact(json!("true")), Arc::new(BooleanArray::from(vec![true, false]))), [true, false]);
    assert_eq!(matches(exact(json!(7)), Arc::new(Int64Array::from(vec![Some(7), None]))), [true, false]);
    let decimals = Decimal128Array::from(vec![150, 250]).with_precision_and_scale(10, 2).unwrap();
    assert_eq!(matches(condition("gt", &json!(2)), Arc::new(decimals)), [false, true]);
    let days = Date32Array::from(vec![0, 365]);
    assert_eq!(matches(exact(json!("1971-01-01")), Arc::new(days)), [false, true]);
    // 10:00 in the zone is 09:00 UTC; the instant counts.
    let moments = TimestampMillisecondArray::from(vec![1_704_099_600_000]);
    let zoned: ArrayRef = Arc::new(moments.clone().with_timezone("+01:00"));
    for column in [zoned, Arc::new(moments) as ArrayRef] {
        assert_eq!(matches(exact(json!("2024-01-01T09:00:00Z")), column), [true]);
    }
    // Null in a table is "not known".
    assert_eq!(
        matches(condition("is_not_set", &json!(null)), Arc::new(Int64Array::from(vec![None, Some(1)]))),
        [true, false]
    );
}

#[test]
fn groups_have_columns_of_their_own() {
    // F-2
    let size = json!({"key": "size", "operator": "gt", "value": 10, "type": "group", "group_type_index": 0});
    let flag = flag("f", json!({"groups": [{"properties": [size]}], "aggregation_group_type_index": 0}));
    let evaluator = evaluator(&flag);
    let layout = Layout { group_column: Some("group_0".to_owned()), ..layout() };
    let columns = layout.columns(&evaluator);
    assert_eq!(columns.iter().map(String::as_str).collect::<Vec<_>>(), ["group_0", "group_0.size"]);
    let keys: ArrayRef = Arc::new(StringArray::from(vec![Some("acme"), Some("initech"), None]));
    let sizes: ArrayRef = Arc::new(Int64Array::from(vec![5, 50, 50]));
    let batch = batch(vec![(ID_COLUMN, ids(&["a", "b", "c"])), ("group_0", keys), ("group_0.size", sizes)]);
    let rows: Vec<_> = [json!(["acme", 5]), json!(["initech", 50]), json!([null, 50])]
        .iter()
        .zip(["a", "b", "c"])
        .map(|(row, id)| json!({"distinct_id": id, "group_0": row[0], "group_0.size": row[1]}))
        .map(|row| row.as_object().unwrap().clone())
        .collect();
    let from_columns = evaluate_batch(&evaluator, &batch, &layout).unwrap();
    let from_objects = evaluate_objects(&evaluator, &rows, &layout).unwrap();
    let reasons: Vec<_> = from_columns.column_by_name("reason").unwrap().as_string::<i32>().iter().flatten().collect();
    assert_eq!(reasons, ["no_condition_match", "condition_match", "no_group_type"]);
    assert_eq!(from_columns, from_objects);
}

#[test]
fn tables_that_do_not_fit_are_refused() {
    let flag = flag("f", json!({"groups": [{"properties": [condition("exact", &json!("x"))]}]}));
    let evaluator = evaluator(&flag);
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![b"x".as_ref()]));
    let nobody: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
    for (columns, text) in [
        (vec![("id", ids(&["a"]))], "there is no column 'distinct_id'"),
        (vec![(ID_COLUMN, nobody)], "row 1 has no id in column 'distinct_id'"),
        (vec![(ID_COLUMN, ids(&["a"])), ("p", bytes.clone())], "column 'p' has the type Binary"),
    ] {
        let error = evaluate_batch(&evaluator, &batch(columns), &layout()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Schema { .. }) && error.to_string().contains(text), "{error}");
    }
    // What the flag does not look at may be anything.
    assert!(evaluate_batch(&evaluator, &batch(vec![(ID_COLUMN, ids(&["a"])), ("q", bytes)]), &layout()).is_ok());
}
