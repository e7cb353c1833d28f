//! Metrics of a table, without a lab.

use crate::support::Place;

const TABLE: &str = "\
user,variant,revenue,before,clicks,views,plan
u1,control,2,1,1,10,free
u2,control,4,2,0,5,pro
u3,test,6,1,3,10,free
u4,test,3,2,2,10,pro
";

fn place() -> Place {
    let place = Place::empty();
    place.write("units.csv", TABLE);
    place
}

#[test]
fn a_table_is_analyzed_without_a_lab() {
    let text = place().succeeds(
        "analyze units.csv --variant variant --unit user --metric revenue --metric ctr=clicks/views --metric p50=revenue@0.5",
    );
    for part in ["3 metrics of 4 rows, compared with control", "+50.0 %", "p50", "quantile"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn every_format_holds_the_numbers() {
    let place = place();
    let asked = "analyze units.csv --variant variant --metric revenue --covariate revenue=before --breakdown plan";
    let data = place.json(asked);
    assert_eq!(data["metrics"]["revenue"]["variants"][1]["covariate"]["covariate_sum_product"], 12.0);
    let csv = place.succeeds(&format!("{asked} -o csv"));
    assert_eq!(csv.lines().nth(2).unwrap(), "revenue,mean,,test,2,9,4.5,0.5,,,,,1.5,,,,");
    assert_eq!(csv.lines().nth(3).unwrap(), "revenue,mean,\"{\"\"plan\"\":\"\"free\"\"}\",control,1,2,2,,,,,,,,,,");
    assert!(place.succeeds(&format!("{asked} -o md")).contains("plan: free"));
}

#[test]
fn sums_come_from_json_and_from_tables() {
    let place = Place::empty();
    place.write("sums.csv", "variant,number_of_samples,sum,sum_squares\na,2,3,5\nb,2,4,8\n");
    let sums = r#"{"a": {"number_of_samples": 2, "sum": 3, "sum_squares": 5}, "b": {"number_of_samples": 2, "sum": 4, "sum_squares": 8}}"#;
    place.write("sums.json", sums);
    let from_table = place.json("analyze sums.csv --aggregates --baseline a");
    assert_eq!(place.json("analyze sums.json --aggregates --baseline a"), from_table);
    assert_eq!(from_table["metrics"]["metric"]["variants"][0]["variance"], 0.5);
    place.write("broken.csv", "variant,number_of_samples,sum,sum_squares\ncontrol,2,3,4\n");
    let refused = place.abduck("analyze broken.csv --aggregates");
    assert_eq!(refused.exit, 2, "{refused}");
    assert!(refused.stderr.contains("negative variance"), "{refused}");
}

#[test]
fn what_is_wrong_is_said_with_a_hint() {
    let place = place();
    place.write("holes.csv", &TABLE.replace("u2,control,4", "u2,control,"));
    let refused = place.abduck("analyze holes.csv --variant variant --metric revenue");
    assert!(refused.exit != 0 && refused.stderr.contains("no value in 1 of 4 rows"), "{refused}");
    let dropped = place.succeeds("analyze holes.csv --variant variant --metric revenue --missing drop");
    assert!(dropped.contains("warning: 1 units lack a value"), "{dropped}");
    let asked = place.abduck("analyze units.csv --variant variant");
    assert_eq!(asked.exit, 2, "{asked}");
    assert_eq!(place.abduck("analyze units.csv --metric revenue").exit, 2);
}
