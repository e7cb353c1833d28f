//! Metrics of a table with one row per unit, and of sums: the sums of M-2, clamping (M-23), ratios (M-40), breakdowns (M-60)
//! and covariates (M-61), without a lab.

use std::fs;

use abduck::events::Interrupt;
use abduck::model::table_aggregate::Aggregates;
use abduck::model::table_metric::TableQuestion;
use abduck::results::{TableAnalysis, TableAnalysisRow, UnitVariant, table_analysis_rows};
use abduck::{Error, Result, Source, analyze, analyze_aggregates, read_aggregates};
use serde_json::{Value, json};

const TABLE: &str = "\
user,arm,revenue,before,clicks,views,converted,country
u1,control,1.50,1,1,10,true,NL
u2,control,2.5,2,0,5,false,NL
u3,control,6,3,2,5,true,DE
u4,test,4,1,3,10,true,NL
u5,test,10,5,1,10,false,
u6,test,1,0,0,4,true,DE
u7,,9,9,9,9,true,DE
u8,blue,9,9,9,9,true,DE
";

fn ask(name: &str, text: &str, question: &Value) -> Result<TableAnalysis> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(name);
    fs::write(&file, text).unwrap();
    let question = TableQuestion::from_json(question)?;
    analyze(Source::Files(vec![file.display().to_string()]), None, &question, &Interrupt::new())
}

fn question(more: &Value) -> Value {
    let mut question = json!({"variant": "arm", "unit": "user", "variants": ["test", "control"], "metrics": {
        "revenue": "revenue",
        "converted": {"column": "converted", "metric_type": "proportion"},
        "ctr": {"numerator": "clicks", "denominator": "views"},
        "median": {"column": "revenue", "quantile": 0.5},
    }});
    question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    question
}

fn refusal(text: &str, more: &Value) -> Error {
    ask("units.csv", text, &question(more)).unwrap_err()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

fn value(rows: &[TableAnalysisRow], metric: &str, variant: &str) -> f64 {
    let is_it = |row: &&TableAnalysisRow| row.metric == metric && row.variant == variant && row.breakdown.is_none();
    rows.iter().find(is_it).unwrap().value.unwrap()
}

#[test]
fn sums_are_those_of_the_rows() {
    let analysis = ask("units.csv", TABLE, &question(&json!({"covariates": {"revenue": "before"}}))).unwrap();
    let keys: Vec<_> = analysis.metrics.keys().map(String::as_str).collect();
    assert_eq!(keys, ["revenue", "converted", "ctr", "median"]);
    let UnitVariant { key, number_of_samples, sum, sum_squares, variance, covariate, .. } =
        &analysis.metrics["revenue"].variants[0];
    // 1.5 + 2.5 + 6; the spread around 10 / 3.
    assert_eq!((key.as_str(), *number_of_samples, *sum), ("control", 3, 10.0));
    assert!(close(*sum_squares, 2.25 + 6.25 + 36.0) && close(variance.unwrap(), (44.5 - 100.0 / 3.0) / 2.0));
    let covariate = covariate.unwrap();
    assert!(close(covariate.covariate_sum, 6.0) && close(covariate.covariate_sum_squares, 14.0));
    assert!(close(covariate.covariate_sum_product, 1.5 + 5.0 + 18.0));
    let ratio = analysis.metrics["ctr"].variants[1].denominator.unwrap();
    assert!(close(ratio.denominator_sum, 24.0) && close(ratio.denominator_sum_squares, 216.0));
    assert!(close(ratio.numerator_denominator_sum_product, 40.0));
    let rows = table_analysis_rows(&analysis);
    assert!(close(value(&rows, "ctr", "control"), 3.0 / 20.0) && close(value(&rows, "ctr", "test"), 4.0 / 24.0));
    assert!(close(value(&rows, "converted", "test"), 2.0 / 3.0));
    assert!(close(value(&rows, "median", "control"), 2.5));
    let row = rows.iter().find(|row| row.metric == "revenue" && row.variant == "test").unwrap();
    assert!(close(row.rel_effect_size.unwrap(), 0.5));
    assert!(close(row.effect_size.unwrap(), value(&rows, "revenue", "test") - value(&rows, "revenue", "control")));
}

#[test]
fn rows_without_a_known_variant_are_counted_and_left_out() {
    let analysis = ask("units.csv", TABLE, &question(&json!({}))).unwrap();
    assert_eq!(
        (analysis.rows, analysis.left_out.without_variant, analysis.left_out.with_unknown_variant),
        (Some(8), 1, 1)
    );
    assert_eq!(analysis.warnings[0].code, "left_out");
    // Without a list, every variant counts, in alphabetical order behind the baseline.
    let analysis = ask("units.csv", TABLE, &question(&json!({"variants": [], "baseline": "test"}))).unwrap();
    let keys: Vec<_> = analysis.metrics["ctr"].variants.iter().map(|variant| variant.key.as_str()).collect();
    assert_eq!((keys, analysis.left_out.with_unknown_variant), (vec!["test", "blue", "control"], 0));
}

#[test]
fn the_order_of_rows_and_the_format_do_not_matter() {
    let mut lines: Vec<&str> = TABLE.lines().skip(1).collect();
    let objects = |lines: &[&str]| -> String {
        let header: Vec<_> = TABLE.lines().next().unwrap().split(',').collect();
        let line = |line: &&str| {
            let fields = header.iter().zip(line.split(',')).filter(|(_, field)| !field.is_empty());
            let value = |field: &str| serde_json::from_str(field).unwrap_or_else(|_| json!(field));
            let object: serde_json::Map<_, _> =
                fields.map(|(name, field)| ((*name).to_owned(), value(field))).collect();
            format!("{}\n", Value::Object(object))
        };
        lines.iter().map(line).collect()
    };
    let more = json!({"breakdown": ["country"]});
    let expected = ask("units.csv", TABLE, &question(&more)).unwrap();
    assert_eq!(ask("units.ndjson", &objects(&lines), &question(&more)).unwrap(), expected);
    lines.reverse();
    assert_eq!(ask("units.ndjson", &objects(&lines), &question(&more)).unwrap(), expected);
}

#[test]
fn breakdowns_are_the_analysis_of_their_rows() {
    // M-60; units without a value are a part of their own.
    let analysis = ask("units.csv", TABLE, &question(&json!({"breakdown": "country"}))).unwrap();
    let parts = &analysis.metrics["revenue"].breakdowns;
    let countries: Vec<_> = parts.iter().map(|part| part.properties["country"].clone()).collect();
    assert_eq!(countries, [json!(null), json!("DE"), json!("NL")]);
    let samples = |part: usize| -> Vec<_> {
        parts[part].variants.iter().map(|variant| (variant.number_of_samples, variant.sum)).collect()
    };
    assert_eq!(
        (samples(0), samples(1), samples(2)),
        (vec![(0, 0.0), (1, 10.0)], vec![(1, 6.0), (1, 1.0)], vec![(2, 4.0), (1, 4.0)])
    );
}

#[test]
fn extreme_values_are_clamped_at_percentiles_of_all_variants() {
    // M-23: sorted 1, 1.5, 2.5, 4, 6, 10; position 0.8 * 5 is 6, so that 10 becomes 6.
    let clamped = json!({"column": "revenue", "upper_bound_percentile": 0.8});
    let analysis = ask("units.csv", TABLE, &question(&json!({"metrics": {"revenue": clamped}}))).unwrap();
    let sums: Vec<_> = analysis.metrics["revenue"].variants.iter().map(|variant| variant.sum).collect();
    assert_eq!(sums, [10.0, 11.0]);
}

#[test]
fn missing_values_are_refused_unless_it_is_said_what_they_mean() {
    let holes = TABLE.replace("u2,control,2.5,2", "u2,control,,2").replace("u4,test,4,1,3,10", "u4,test,4,1,3,");
    let error = refusal(&holes, &json!({}));
    assert_eq!(error.to_string(), "metric 'revenue': column 'revenue' has no value in 1 of 6 rows, the first is row 2");
    assert!(error.hints()[0].contains("drop"), "{:?}", error.hints());
    let metrics = json!({"revenue": "revenue", "ctr": {"numerator": "clicks", "denominator": "views"}});
    let count = |missing: &str| {
        let more = json!({"missing": missing, "metrics": metrics.clone()});
        let analysis = ask("units.csv", &holes, &question(&more)).unwrap();
        let samples = |metric: &str| -> Vec<_> {
            let variants = &analysis.metrics[metric].variants;
            variants.iter().map(|variant| (variant.number_of_samples, variant.sum)).collect()
        };
        assert_eq!(analysis.metrics["revenue"].units_with_missing_values, 1);
        assert_eq!(analysis.warnings.iter().filter(|warning| warning.code == "missing_values").count(), 2);
        (samples("revenue"), samples("ctr"))
    };
    assert_eq!(count("zero"), (vec![(3, 7.5), (3, 15.0)], vec![(3, 3.0), (3, 4.0)]));
    assert_eq!(count("drop"), (vec![(2, 7.5), (3, 15.0)], vec![(3, 3.0), (2, 1.0)]));
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let message = |text: &str, more: Value| refusal(text, &more).to_string();
    let twice = TABLE.replace("u4,", "u2,");
    assert_eq!(message(&twice, json!({})), "the unit 'u2' has several rows: 2 and 4 (column 'user')");
    assert!(ask("units.csv", &twice, &question(&json!({"unit": null}))).is_ok());
    let text = TABLE.replace("control,6,", "control,six,");
    assert_eq!(message(&text, json!({})), "row 3 of column 'revenue' is 'six', which is no finite number");
    let infinite = TABLE.replace("control,6,", "control,inf,");
    assert_eq!(message(&infinite, json!({})), "row 3 of column 'revenue' is inf, which is no finite number");
    let metrics = json!({"metrics": {"p": {"column": "clicks", "metric_type": "proportion"}}});
    assert_eq!(message(TABLE, metrics), "row 3 of column 'clicks' is 2, but the proportion 'p' needs 0 or 1");
    let error = refusal(TABLE, &json!({"metrics": ["revenu"]}));
    assert!(error.to_string().ends_with("there is no column 'revenu'"), "{error}");
    assert_eq!(error.hints(), ["did you mean 'revenue'?"]);
    let error = refusal(TABLE, &json!({"variants": ["test", "blue"]}));
    assert_eq!(
        (error.to_string().as_str(), error.hints()),
        ("there is no variant 'control'", &["name the baseline, one of: test, blue".to_owned()][..])
    );
    assert_eq!(message("user,arm,revenue,clicks,views,converted\n", json!({})), "the table has no rows");
    assert_eq!(message(TABLE, json!({"breakdown": "town"})).rsplit(": ").next().unwrap(), "there is no column 'town'");
}

#[test]
fn sums_say_the_same_as_the_rows_they_are_of() {
    let analysis = ask("units.csv", TABLE, &question(&json!({"covariates": {"revenue": "before"}}))).unwrap();
    let flat = |variant: &UnitVariant| {
        let mut sums = json!({"number_of_samples": variant.number_of_samples, "sum": variant.sum, "sum_squares": variant.sum_squares});
        let others = [json!(variant.denominator), json!(variant.covariate)];
        for other in others.iter().filter_map(Value::as_object) {
            sums.as_object_mut().unwrap().extend(other.clone());
        }
        sums
    };
    let metric = |name: &str| -> Value {
        let variants = &analysis.metrics[name].variants;
        Value::Object(variants.iter().map(|variant| (variant.key.clone(), flat(variant))).collect())
    };
    let sums = json!({"revenue": metric("revenue"), "ctr": metric("ctr")});
    let again = analyze_aggregates(&Aggregates::from_json(&sums, None).unwrap()).unwrap();
    let (rows, expected) = (table_analysis_rows(&again), table_analysis_rows(&analysis));
    for (metric, variant) in [("revenue", "control"), ("revenue", "test"), ("ctr", "control"), ("ctr", "test")] {
        assert!(close(value(&rows, metric, variant), value(&expected, metric, variant)), "{metric} {variant}");
    }
    let variance = |analysis: &TableAnalysis| analysis.metrics["revenue"].variants[1].variance.unwrap();
    assert!(close(variance(&again), variance(&analysis)));
    assert_eq!(again.metrics["ctr"].metric_type, "ratio");
}

#[test]
fn sums_are_read_from_tables() {
    let directory = tempfile::tempdir().unwrap();
    let read = |text: &str, baseline: Option<&str>| {
        let file = directory.path().join("sums.csv");
        fs::write(&file, text).unwrap();
        let source = Source::Files(vec![file.display().to_string()]);
        let sums = read_aggregates(source, None, baseline.map(ToOwned::to_owned), &Interrupt::new())?;
        analyze_aggregates(&sums)
    };
    let head = "metric,variant,number_of_samples,sum,sum_squares\n";
    let table = format!("{head}orders,b,2,3,5\norders,a,2,4,8\nvisits,a,1,2,4\nvisits,b,1,3,9\n");
    let analysis = read(&table, Some("a")).unwrap();
    let rows: Vec<_> = table_analysis_rows(&analysis).into_iter().map(|row| (row.variant, row.value)).collect();
    let expected = [("a", 2.0), ("b", 1.5), ("a", 2.0), ("b", 3.0)];
    assert_eq!(rows, expected.map(|(key, value)| (key.to_owned(), Some(value))));
    assert_eq!(read(&table, None).unwrap_err().to_string(), "there is no variant 'control'");
    let twice = format!("{head}orders,a,2,3,5\norders,a,2,4,8\n");
    assert_eq!(read(&twice, Some("a")).unwrap_err().to_string(), "row 2: the variant 'a' of 'orders' occurs twice");
}
