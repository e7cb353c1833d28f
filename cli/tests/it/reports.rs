//! Reports and plots: what is in them, and where they go.

use std::fs;

use serde_json::Value;

use crate::support::Place;

/// The demo's log, with a modern funnel and a legacy trend on it.
fn lab() -> Place {
    let lab = Place::lab();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../datasets/sample/shop.parquet");
    lab.succeeds(&format!("ingest -q {sample}"));
    lab.write(
        "modern.yaml",
        "name: Quick <checkout> & more\nfeature_flag_key: quick-checkout\nstart_date: 2026-03-01T23:00:00Z\n\
         end_date: 2026-03-29T21:59:59Z\nmetrics:\n  - kind: ExperimentMetric\n    name: buyers\n    metric_type: funnel\n    \
         series: [{kind: EventsNode, event: cart_added}, {kind: EventsNode, event: purchase}]\n",
    );
    lab.succeeds("experiment create -q modern.yaml");
    lab.succeeds(
        "experiment create -q --name Search --flag smart-search --event search --start 2026-03-01 --end 2026-03-29 \
         --variant control=34 --variant suggestions=33 --variant semantic=33",
    );
    lab
}

#[test]
fn a_report_is_one_file_that_needs_nothing() {
    let lab = lab();
    lab.succeeds("report quick-checkout --as-of 2026-04-01 -o report.html");
    let html = fs::read_to_string(lab.path("report.html")).unwrap();
    let parts = [
        "Quick &lt;checkout&gt; &amp; more",
        "<svg",
        "Ship &#x27;test&#x27;",
        "SELECT",
        "fingerprint of buyers",
        "<details>",
    ];
    for part in parts {
        assert!(html.contains(part), "{part} is not in the report");
    }
    for outside in ["<script", "src=", "href=", "url(", "@import"] {
        assert!(!html.contains(outside), "{outside} is in the report");
    }
    assert_eq!(html.matches("<svg").count(), 7);
    // The same moment, the same bytes; and nothing else is left in the folder.
    lab.succeeds("report quick-checkout --as-of 2026-04-01 -o again.html");
    assert_eq!(fs::read_to_string(lab.path("again.html")).unwrap(), html);
    let drafts = fs::read_dir(lab.path("."))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".tmp"));
    assert_eq!(drafts.count(), 0);
}

#[test]
fn a_report_is_markdown_or_data_too() {
    let lab = lab();
    let text = lab.succeeds("report quick-checkout --as-of 2026-04-01");
    assert!(text.starts_with("# Quick \\<checkout\\> & more\n"), "{text}");
    for part in
        ["**Ship 'test', because", "| buyers | primary | test", "```sql", "```yaml", "## Where the numbers come from"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    lab.succeeds("report quick-checkout --as-of 2026-04-01 -o report.md");
    assert_eq!(fs::read_to_string(lab.path("report.md")).unwrap(), text);
    let data: Value = serde_json::from_str(&lab.succeeds("report quick-checkout -o json")).unwrap();
    assert_eq!(data["decision"]["decision"]["verdict"], "ship");
    assert_eq!(data["metrics"][0]["posteriors"]["variants"][0]["density"].as_array().unwrap().len(), 121);
}

#[test]
fn a_legacy_metric_has_a_report() {
    let lab = lab();
    let html = lab.succeeds("report smart-search --as-of 2026-04-01 --format html");
    assert!(html.contains("semantic is the best") && html.contains("<svg"), "{html}");
}

#[test]
fn plots_are_printed_or_written() {
    let lab = lab();
    for kind in ["forest", "posterior", "series", "daily", "funnel", "exposure", "age"] {
        assert!(lab.succeeds(&format!("plot quick-checkout --kind {kind}")).starts_with("<svg"), "{kind}");
    }
    lab.succeeds("plot quick-checkout buyers --kind forest -o forest.svg");
    assert_eq!(fs::read_to_string(lab.path("forest.svg")).unwrap(), lab.succeeds("plot quick-checkout buyers"));
    assert!(lab.succeeds("plot smart-search").contains("rate of each variant"));
}

#[test]
fn what_cannot_be_drawn_or_written_is_refused() {
    let lab = lab();
    fs::create_dir(lab.path("folder.html")).unwrap();
    let cases = [
        ("report quick-checkout -o folder.html", 2, "is a folder"),
        ("report quick-checkout -o report.pdf", 2, "does not say which form"),
        ("report quick-checkout -o csv", 2, "is no table"),
        ("report quick-checkout -o nowhere/report.html", 3, "nowhere"),
        ("report nobody -o report.html", 3, "nobody"),
        ("plot quick-checkout -o plot.png", 2, "a plot is SVG"),
        ("plot smart-search --kind funnel", 2, "a funnel that somebody entered"),
        ("plot smart-search --kind series", 2, "ExperimentMetric"),
        ("results quick-checkout -o results.html", 2, "only reports and plots"),
    ];
    for (arguments, exit, says) in cases {
        let transcript = lab.refuses(arguments, exit);
        assert!(transcript.stderr.contains(says), "abduck {arguments}\n{transcript}");
    }
}
