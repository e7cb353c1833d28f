//! Plans, and how often the tests are wrong.

use crate::support::Place;

#[test]
fn sizes_need_no_lab() {
    let text = Place::empty().succeeds("plan size --rate 0.1 --lift 10% --per-day 2000");
    for part in ["one look", "14,751", "any time", "29,502", "15"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let data = Place::empty().json("plan size --mean 12 --sd 4 --lift 0.05 --variants 3");
    // 2 (1.96 + 0.84)^2 16 / 0.36, and a little for Student.
    let units = data[0]["units_per_variant"].as_f64().unwrap();
    assert!((698.0..702.0).contains(&units), "{units}");
    assert_eq!(data[0]["units"].as_f64().unwrap(), 3.0 * units);
    assert!(data[1]["units_per_variant"].as_f64().unwrap() > units);
    let csv = Place::empty().succeeds("plan size --rate 0.1 --lift 10% -o csv");
    assert_eq!(csv.lines().next().unwrap(), "looks,units per variant,units,days");
}

#[test]
fn what_is_wrong_with_a_plan_is_said() {
    let place = Place::empty();
    for (arguments, exit, said) in [
        ("plan size --lift 5%", 2, "--rate"),
        ("plan size --rate 0.1 --mean 3 --sd 1 --lift 5%", 2, "cannot be used with"),
        ("plan size --rate 0.1 --lift much", 2, "write 0.05 or 5%"),
        ("plan size --rate 0.1 --lift 0", 2, "difference must be a finite number other than 0"),
        ("plan size --rate 0.9 --lift 50%", 2, "treatment must be between 0 and 1"),
    ] {
        let transcript = place.abduck(arguments);
        assert_eq!(transcript.exit, exit, "{arguments}: {}", transcript.stderr);
        assert!(transcript.stderr.contains(said), "{arguments}: {}", transcript.stderr);
    }
}

#[test]
fn a_labs_own_units_are_planned_with_calibrated_and_left_out() {
    let lab = Place::running();
    let buyers = r#"{"metric_type":"funnel","series":[{"event":"bought"}]}"#;
    let text = lab.succeeds(&format!("calibrate checkout {buyers} --rounds 50 --lift 50%"));
    for part in ["800 units, 50 times put into two variants", "+50.0 % planted", "one look", "any time"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let remaining = lab.json(&format!("plan remaining checkout {buyers} --lift 20%"));
    assert_eq!(remaining["variants"][0]["units_now"], serde_json::json!([400, 400]));
    let text = lab.succeeds(r#"influence checkout {"metric_type":"mean","source":{"event":"bought"}} --top 2"#);
    assert!(text.contains("without the 2 largest"), "{text}");
    let refused = lab.abduck(&format!("influence checkout {buyers}"));
    assert_eq!(refused.exit, 2);
    assert!(refused.stderr.contains("all count the same"), "{}", refused.stderr);
}
