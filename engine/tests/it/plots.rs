//! Plots: well-formed, within their frame, no text over another, whatever the names and the numbers are.

use abduck::plan::Statistics;
use abduck::report::{PlotKind, PlotSource, svg};
use abduck::results::{DifferencePosteriors, ExposureView, MetricSeries};
use abduck::stats::Moments;
use abduck::stats::comparison::{Arm, Comparisons, Nature, believe_all, believed_curves, compare};
use abduck::stats::inference::Estimate;
use abduck::{ExperimentResult, ListedResult};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Value, json};

/// What an experiment comes to: the name of each variant, its units, its value, and how that varies.
#[derive(Clone, Debug)]
struct Case {
    title: String,
    arms: Vec<(String, u64, f64, f64)>,
    days: usize,
}

/// A text of a picture: its ends, and its line.
#[derive(Debug)]
struct Placed {
    /// For messages.
    #[expect(dead_code, reason = "it is printed when texts overlap")]
    text: String,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Case {
    fn simple() -> Self {
        let arm = |name: &str, units, value| (name.to_owned(), units, value, 0.09);
        Self { title: "Checkout".into(), arms: vec![arm("control", 1000, 0.10), arm("test", 1020, 0.13)], days: 5 }
    }

    fn keys(&self) -> Vec<&str> {
        self.arms.iter().map(|arm| arm.0.as_str()).collect()
    }

    fn estimates(&self) -> Vec<Arm> {
        let arm = |(name, units, value, variance): &(String, u64, f64, f64)| Arm {
            variant: name.clone(),
            estimate: Estimate { count: *units as f64, value: *value, unit_variance: *variance },
            moments: Moments::default(),
            has_covariate: false,
            covaried: None,
        };
        self.arms.iter().map(arm).collect()
    }

    fn comparisons(&self) -> Comparisons {
        let mut comparisons = compare(Nature::Mean, &self.estimates(), &Statistics::default()).unwrap();
        believe_all(&mut comparisons, Nature::Mean, &self.estimates(), &Statistics::default()).unwrap();
        comparisons
    }

    fn envelope(&self) -> Value {
        json!({
            "format_version": 1,
            "experiment": {"id": 1, "name": self.title, "feature_flag_key": "checkout", "start_date": null, "end_date": null},
            "provenance": {"engine_version": "0", "data_version": 1, "data_digest": "d", "fingerprint": "f",
                "as_of": "2026-03-09T00:00:00Z"},
        })
    }

    fn with(&self, fields: &Value) -> Value {
        let mut value = self.envelope();
        value.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        value
    }

    fn result(&self) -> ExperimentResult {
        let baseline = self.arms[0].2;
        let values: serde_json::Map<_, _> = self.arms.iter().map(|arm| (arm.0.clone(), json!(arm.2))).collect();
        let lifts = self.arms.iter().skip(1).filter(|_| baseline != 0.0);
        let lifts: serde_json::Map<_, _> = lifts.map(|arm| (arm.0.clone(), json!(arm.2 / baseline - 1.0))).collect();
        let variant = |arm: &(String, u64, f64, f64)| {
            json!({"key": arm.0, "number_of_samples": arm.1, "sum": 1.0, "sum_squares": 1.0, "variance": arm.3,
                "step_counts": [arm.1 * 3 / 4, arm.1 / 3, arm.1 / 9]})
        };
        let variants: Vec<_> = self.arms.iter().map(variant).collect();
        let value = self.with(&json!({
            "last_refresh": "2026-03-09T00:00:00Z", "is_cached": false, "warnings": [],
            "result": {
                "kind": "units", "metric_type": "funnel", "unit": "person", "variants": variants, "breakdowns": [],
                "metric": {"name": self.title, "series": [{"event": "viewed"}, {"event": self.title}, {"event": "bought"}]},
                "several_variants": {"units": 0, "share": 0.0, "handling": "exclude", "otherwise": [], "mean_bounds": []},
                "immature_units": 0,
                "outcome": {"observed": {"value": values, "relative_lift": lifts, "shortfalls": {},
                    "comparisons": self.comparisons()}},
            },
        }));
        serde_json::from_value(value).unwrap()
    }

    fn series(&self) -> MetricSeries {
        let comparisons = self.comparisons();
        let points = |label: &dyn Fn(usize) -> String| -> Vec<Value> {
            let variant = |day: usize, arm: &(String, u64, f64, f64)| {
                let wide = 1.0 + 3.0 / (day as f64 + 1.0);
                let of = comparisons.against_baseline.get(&arm.0).filter(|_| day > 0);
                let lift = of.map(|of| of.difference).filter(|lift| lift.is_finite());
                let interval = of.map(|of| of.anytime_valid.interval.map(|end| wide * end));
                json!({"key": arm.0, "number_of_samples": arm.1, "sum": 1.0, "value": arm.2 * wide, "variance": arm.3,
                    "relative_lift": lift, "difference": null, "standard_error": null,
                    "rel_effect_size_ci_lower": interval.map(|ends| ends[0]),
                    "rel_effect_size_ci_upper": interval.map(|ends| ends[1])})
            };
            let point = |day: usize| json!({"label": label(day), "variants": self.arms.iter().map(|arm| variant(day, arm)).collect::<Vec<_>>()});
            (0..self.days).map(point).collect()
        };
        let day = |day: usize| format!("2026-03-{:02}", day + 1);
        serde_json::from_value(self.with(&json!({
            "metric": {"name": self.title}, "metric_type": "mean", "cumulative": points(&day), "by_exposure_day": points(&day),
            "by_days_since_exposure": points(&|age| age.to_string()),
        })))
        .unwrap()
    }

    fn posteriors(&self) -> DifferencePosteriors {
        let curves = believed_curves(Nature::Mean, &self.estimates(), &Statistics::default(), 21).unwrap();
        let variant = |curve: abduck::stats::comparison::BelievedCurve| json!({"variant": curve.variant, "believed": curve.believed, "density": curve.density});
        let variants: Vec<_> = curves.into_iter().map(variant).collect();
        let fields = json!({"metric": {}, "metric_type": "funnel", "variants": variants});
        serde_json::from_value(self.with(&fields)).unwrap()
    }

    fn exposures(&self) -> ExposureView {
        let units = |part: u64| -> serde_json::Map<String, Value> {
            self.arms
                .iter()
                .map(|arm| (arm.0.clone(), json!(arm.1 / part)))
                .chain([("$multiple".into(), json!(part))])
                .collect()
        };
        let day =
            |day: usize| json!({"day": format!("2026-03-{:02}", day + 1), "first_exposures": units(day as u64 + 2)});
        let shares: serde_json::Map<_, _> =
            self.arms.iter().map(|arm| (arm.0.clone(), json!(1.0 / self.arms.len() as f64))).collect();
        serde_json::from_value(self.with(&json!({
            "days": (0..self.days).map(day).collect::<Vec<_>>(), "totals": units(1), "expected_share": shares,
            "several_variants_share": 0.0, "flickering_units": 0, "warnings": [],
        })))
        .unwrap()
    }

    fn draw(&self, kind: PlotKind) -> Option<String> {
        match kind {
            PlotKind::Forest | PlotKind::Funnel => svg(kind, PlotSource::Result(&self.result())),
            PlotKind::Posterior => svg(kind, PlotSource::Posteriors(&self.posteriors())),
            PlotKind::Series | PlotKind::Daily | PlotKind::Age => svg(kind, PlotSource::Series(&self.series())),
            PlotKind::Exposure => svg(kind, PlotSource::Exposures(&self.exposures())),
        }
    }
}

/// The widths of Helvetica, of which the usual fonts are at most a tenth wider.
fn width(text: &str, size: f64) -> f64 {
    let of = |character: char| match character {
        'i' | 'j' | 'l' | '\'' => 0.222,
        '.' | ',' | ' ' | 'f' | 't' | 'I' | '/' | ':' | ';' | '!' => 0.278,
        '(' | ')' | '-' | 'r' => 0.333,
        '%' | 'm' => 0.889,
        'M' | 'W' | '@' | '…' => 1.0,
        'A'..='Z' | 'w' => 0.722,
        character if character < '\u{3000}' => 0.556,
        _ => 1.0,
    };
    text.chars().map(of).sum::<f64>() * size
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).unwrap()?;
    Some(std::str::from_utf8(&attribute.value).unwrap().to_owned())
}

fn numbers(element: &BytesStart<'_>, names: &[&str]) -> Vec<f64> {
    let all = names.iter().filter_map(|name| attribute(element, name));
    all.flat_map(|text| text.split([',', ' ']).map(|number| number.parse::<f64>().unwrap()).collect::<Vec<_>>())
        .collect()
}

/// Reads a picture back; panics unless it is well-formed and everything lies within it. Returns its texts.
fn read(picture: &str) -> Vec<Placed> {
    let mut reader = Reader::from_str(picture);
    let (mut frame, mut texts, mut open, mut roots) = ((0.0, 0.0), Vec::new(), Vec::new(), 0);
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(element) | Event::Empty(element) if element.name().as_ref() == b"svg" => {
                assert_eq!(attribute(&element, "role").as_deref(), Some("img"));
                let ends = numbers(&element, &["viewBox"]);
                frame = (ends[2], ends[3]);
                roots += 1;
                open.push(None);
            }
            Event::Start(element) => {
                within(&element, frame);
                open.push((element.name().as_ref() == b"text").then(|| (element.into_owned(), String::new())));
            }
            Event::Empty(element) => within(&element, frame),
            Event::Text(text) => {
                if let Some(Some((_, shown))) = open.last_mut() {
                    *shown += std::str::from_utf8(&text).unwrap();
                }
            }
            Event::GeneralRef(reference) => {
                let reference = format!("&{};", std::str::from_utf8(&reference).unwrap());
                let character = quick_xml::escape::unescape(&reference).unwrap();
                if let Some(Some((_, shown))) = open.last_mut() {
                    *shown += &character;
                }
            }
            Event::End(_) => {
                if let Some(Some((element, shown))) = open.pop() {
                    texts.push(placed(&element, shown, frame));
                }
            }
            _ => {}
        }
    }
    assert_eq!((roots, open.len()), (1, 0));
    texts
}

fn within(element: &BytesStart<'_>, (wide, high): (f64, f64)) {
    let horizontal = numbers(element, &["x", "x1", "x2", "cx", "width"]);
    let vertical = numbers(element, &["y", "y1", "y2", "cy", "height"]);
    let points = numbers(element, &["points"]);
    let horizontal = horizontal.iter().chain(points.iter().step_by(2));
    let vertical = vertical.iter().chain(points.iter().skip(1).step_by(2));
    for (all, most) in [(horizontal.collect::<Vec<_>>(), wide), (vertical.collect(), high)] {
        assert!(all.iter().all(|place| (0.0..=most).contains(*place)), "{element:?} is outside {most}");
    }
    let ends = [numbers(element, &["x", "width"]), numbers(element, &["y", "height"])];
    for (ends, most) in ends.iter().zip([wide, high]) {
        assert!(ends.len() < 2 || ends[0] + ends[1] <= most + 0.1, "{element:?} ends outside {most}");
    }
}

fn placed(element: &BytesStart<'_>, text: String, (wide, high): (f64, f64)) -> Placed {
    let size = match attribute(element, "class").as_deref() {
        Some("title") => 15.0,
        Some("number" | "muted") => 11.0,
        _ => 12.0,
    };
    let (x, y) = (numbers(element, &["x"])[0], numbers(element, &["y"])[0]);
    let long = width(&text, size);
    let left = match attribute(element, "text-anchor").as_deref() {
        Some("middle") => x - 0.5 * long,
        Some("end") => x - long,
        _ => x,
    };
    let placed = Placed { text, left, right: left + long, top: y - 0.72 * size, bottom: y + 0.2 * size };
    assert!(placed.left >= 0.0 && placed.right <= wide && placed.top >= 0.0 && placed.bottom <= high, "{placed:?}");
    placed
}

fn assert_legible(picture: &str) {
    let texts = read(picture);
    assert!(!texts.is_empty());
    for (index, one) in texts.iter().enumerate() {
        for other in &texts[index + 1..] {
            let apart = one.right <= other.left
                || other.right <= one.left
                || one.bottom <= other.top
                || other.bottom <= one.top;
            assert!(apart, "{one:?} and {other:?} overlap");
        }
    }
    for outside in ["href", "url(", "<script", "@import", "NaN", "inf\""] {
        assert!(!picture.contains(outside), "{outside} in {picture}");
    }
}

#[test]
fn every_kind_is_drawn_and_says_its_numbers() {
    let case = Case::simple();
    for kind in PlotKind::ALL {
        let picture = case.draw(kind).unwrap();
        assert_legible(&picture);
        assert_eq!(picture, case.draw(kind).unwrap());
        assert!(picture.contains("<title>Checkout"), "{picture}");
        assert!(picture.contains("prefers-color-scheme:dark") && picture.contains("<desc>"), "{picture}");
    }
    let forest = case.draw(PlotKind::Forest).unwrap();
    let comparison = &case.comparisons().against_baseline["test"];
    for interval in [comparison.anytime_valid.relative_interval, comparison.fixed_horizon.relative_interval] {
        let shown = interval.unwrap().map(abduck::report::number::signed_percent).join(" to ");
        assert!(forest.contains(&shown), "{shown} is not in {forest}");
    }
}

#[test]
fn a_forest_has_a_row_per_answer() {
    let picture = Case::simple().draw(PlotKind::Forest).unwrap();
    let body = &picture[picture.find("<rect class=\"paper\"").unwrap()..];
    insta::assert_snapshot!(body.replace("><", ">\n<"), @r#"
    <rect class="paper" width="720" height="207.7" rx="6"/>
    <text class="title" x="16" y="31">Checkout: Checkout</text>
    <text class="muted" x="16" y="51.9">No clear difference between test and the baseline yet (any-time p 0.30); a single planned look would call it</text>
    <text class="muted" x="16" y="66.7">significant, repeated looks do not. Shown is the lift over the baseline.</text>
    <line class="c1 line" x1="16" y1="88.7" x2="36" y2="88.7"/>
    <polygon class="c1 fill" points="22.4,85.1 29.6,85.1 29.6,92.3 22.4,92.3">
    </polygon>
    <text x="42" y="92.7">at any look</text>
    <line class="c3 line" x1="135" y1="88.7" x2="155" y2="88.7"/>
    <polygon class="c3 fill" points="145,83.5 150.2,88.7 145,93.9 139.8,88.7">
    </polygon>
    <text x="161" y="92.7">for a single look</text>
    <line class="c4 line" x1="287.5" y1="88.7" x2="307.5" y2="88.7"/>
    <polygon class="c4 fill" points="297.5,93.5 302.1,85.1 292.9,85.1">
    </polygon>
    <text x="313.5" y="92.7">believed, 95 %</text>
    <line class="axis" x1="146" y1="171.7" x2="514" y2="171.7"/>
    <line class="grid" x1="191.3" y1="106.7" x2="191.3" y2="171.7"/>
    <text class="number" x="191.3" y="185.7" text-anchor="middle">0 %</text>
    <line class="grid" x1="256.6" y1="106.7" x2="256.6" y2="171.7"/>
    <text class="number" x="256.6" y="185.7" text-anchor="middle">+20 %</text>
    <line class="grid" x1="321.8" y1="106.7" x2="321.8" y2="171.7"/>
    <text class="number" x="321.8" y="185.7" text-anchor="middle">+40 %</text>
    <line class="grid" x1="387.1" y1="106.7" x2="387.1" y2="171.7"/>
    <text class="number" x="387.1" y="185.7" text-anchor="middle">+60 %</text>
    <line class="grid" x1="452.4" y1="106.7" x2="452.4" y2="171.7"/>
    <text class="number" x="452.4" y="185.7" text-anchor="middle">+80 %</text>
    <line class="zero" x1="191.3" y1="106.7" x2="191.3" y2="171.7"/>
    <text x="16" y="124.2">test</text>
    <line class="c1 line" x1="159.6" y1="120.2" x2="500.4" y2="120.2"/>
    <line class="c1 thin" x1="159.6" y1="115.2" x2="159.6" y2="125.2"/>
    <line class="c1 thin" x1="500.4" y1="115.2" x2="500.4" y2="125.2"/>
    <rect class="reach" x="159.6" y="110.7" width="340.7" height="19">
    <title>test, at any look: +30.0 %: -9.69 % to +94.7 %</title>
    </rect>
    <polygon class="c1 fill" points="285.6,116.6 292.8,116.6 292.8,123.8 285.6,123.8">
    <title>test, at any look: +30.0 %: -9.69 % to +94.7 %</title>
    </polygon>
    <text class="number" x="704" y="124.2" text-anchor="end">-9.69 % to +94.7 %</text>
    <line class="c3 line" x1="202.3" y1="139.2" x2="406.6" y2="139.2"/>
    <line class="c3 thin" x1="202.3" y1="134.2" x2="202.3" y2="144.2"/>
    <line class="c3 thin" x1="406.6" y1="134.2" x2="406.6" y2="144.2"/>
    <rect class="reach" x="202.3" y="129.7" width="204.3" height="19">
    <title>test, for a single look: +30.0 %: +3.37 % to +66.0 %</title>
    </rect>
    <polygon class="c3 fill" points="289.2,134 294.4,139.2 289.2,144.4 284,139.2">
    <title>test, for a single look: +30.0 %: +3.37 % to +66.0 %</title>
    </polygon>
    <text class="number" x="704" y="143.2" text-anchor="end">+3.37 % to +66.0 %</text>
    <line class="c4 line" x1="202.2" y1="158.2" x2="406.7" y2="158.2"/>
    <line class="c4 thin" x1="202.2" y1="153.2" x2="202.2" y2="163.2"/>
    <line class="c4 thin" x1="406.7" y1="153.2" x2="406.7" y2="163.2"/>
    <rect class="reach" x="202.2" y="148.7" width="204.4" height="19">
    <title>test, believed, 95 %: +3.36 % to +66.0 %</title>
    </rect>
    <text class="number" x="704" y="162.2" text-anchor="end">+3.36 % to +66.0 %</text>
    </svg>
    "#);
}

#[test]
fn what_is_not_there_is_not_drawn() {
    let case = Case { days: 0, ..Case::simple() };
    assert_eq!(case.draw(PlotKind::Series), None);
    assert_eq!(case.draw(PlotKind::Daily), None);
    assert_eq!(svg(PlotKind::Forest, PlotSource::Exposures(&case.exposures())), None);
    let mut result = case.result();
    result.result = serde_json::from_value(json!({"kind": "funnel", "filters": {}, "order": "ordered", "insight": [],
        "variants": [], "left_out": {"without_variant": 0, "with_foreign_variant": 0},
        "outcome": {"undecided": "no_exposures"}}))
    .unwrap_or(result.result);
    let metric = json!({"id": "filters", "index": 0, "name": "", "role": "primary", "kind": "filters", "query": {}});
    let listed =
        ListedResult { metric: serde_json::from_value(metric).unwrap(), values: indexmap::IndexMap::new(), result };
    assert!(svg(PlotKind::Posterior, PlotSource::Listed(&listed)).is_none());
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9_ -]{1,12}",
        "[a-z]{30,80}",
        any::<String>().prop_filter("a name has characters", |name| !name.trim().is_empty()),
        "<&\"'>{1,6}[a-z]{1,40}",
        Just("一个非常长的变体名称用来测试文字的宽度是不是够用".to_owned()),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    let value = prop_oneof![0.001..1.0_f64, -1e6..1e6_f64, Just(0.0), 1e9..1e12_f64];
    // From values that vary as much as they are large to values that hardly differ.
    let variance = prop_oneof![0.01..100.0_f64, 1e-9..1e-3_f64, 1e6..1e20_f64];
    let arm = (names(), 50..2_000_000_u64, value, variance);
    (names(), prop::collection::vec(arm, 2..=10), 1..60_usize).prop_map(|(title, mut arms, days)| {
        for (index, arm) in arms.iter_mut().enumerate() {
            arm.0 = format!("{}{index}", arm.0);
        }
        Case { title, arms, days }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_the_names_and_numbers_plots_stay_legible(case in cases()) {
        for kind in PlotKind::ALL {
            if let Some(picture) = case.draw(kind) {
                assert_legible(&picture);
            } else {
                prop_assert!(!matches!(kind, PlotKind::Exposure | PlotKind::Daily | PlotKind::Funnel), "{kind:?}");
            }
        }
        prop_assert_eq!(case.keys().len(), case.arms.len());
    }
}
