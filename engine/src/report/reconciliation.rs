//! From the naive count to the result, rule by rule: as text, as tables, and as HTML.

use std::fmt::Write;

use crate::report::html::escape;
use crate::report::number;
use crate::report::table::{Cell, Table};
use crate::report::text::during;
use crate::report::units;
use crate::results::Reconciliation;
use crate::stats::VariantSum;

/// The way for people to read; tables fit `width` characters where one is given.
#[must_use]
pub fn reconciliation(reconciliation: &Reconciliation, width: Option<u16>) -> String {
    let title = units::metric_title(&reconciliation.experiment.name, &reconciliation.metric);
    let subject = during("from a naive count to the result", &reconciliation.experiment, &reconciliation.provenance);
    let mut text = format!("{title}  ({subject})\n\n{}", reconciliation_table(reconciliation).to_text(width));
    let _ = write!(text, "\n{}\n", reconciled_text(reconciliation));
    text
}

/// One row per rule: what it does, how many units it changed, and units and sum of each variant after it.
#[must_use]
pub fn reconciliation_table(reconciliation: &Reconciliation) -> Table {
    let variants = reconciliation.steps.first().map(|step| step.variants.as_slice()).unwrap_or_default();
    let has_denominators = has_denominators(reconciliation);
    let mut names = vec!["rule".to_owned(), "changed units".to_owned()];
    for variant in variants {
        names.extend([format!("{} units", variant.variant), format!("{} sum", variant.variant)]);
        if has_denominators {
            names.push(format!("{} denominator", variant.variant));
        }
    }
    let mut table = Table::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for step in &reconciliation.steps {
        let count = |count: u64| Cell::number(number::count(count), count);
        let mut cells = vec![Cell::text(step.rule.description()), count(step.changed_units)];
        for variant in &step.variants {
            cells.extend([count(variant.units), units::amount(variant.sum)]);
            if has_denominators {
                cells.push(units::amount(variant.denominator_sum));
            }
        }
        table.push(cells);
    }
    table
}

/// One row per rule and variant, with the column names that programs know.
#[must_use]
pub fn reconciliation_csv(reconciliation: &Reconciliation) -> Table {
    let columns = ["rule", "description", "changed_units", "variant", "units", "sum", "denominator_sum"];
    let mut table = Table::new(&columns);
    for row in reconciliation.rows() {
        table.push(vec![
            Cell::text(row.rule.as_str()),
            Cell::text(row.description),
            Cell::number(row.changed_units.to_string(), row.changed_units),
            Cell::text(row.variant),
            Cell::number(row.units.to_string(), row.units),
            Cell::number(row.sum.to_string(), row.sum),
            Cell::number(row.denominator_sum.to_string(), row.denominator_sum),
        ]);
    }
    table
}

/// The way as one `<div>` for a notebook.
#[must_use]
pub fn reconciliation_html(reconciliation: &Reconciliation) -> String {
    let title = units::metric_title(&reconciliation.experiment.name, &reconciliation.metric);
    format!(
        "<div><p><b>{}</b><br>from a naive count to the result</p>{}<p>{}</p></div>",
        escape(&title),
        reconciliation_table(reconciliation).to_html(),
        escape(&reconciled_text(reconciliation))
    )
}

/// One sentence that names the result that the last row comes to.
#[must_use]
pub fn reconciled_text(reconciliation: &Reconciliation) -> String {
    let has_denominators = has_denominators(reconciliation);
    let variant = |variant: &VariantSum| {
        let (sum, units) = (number::amount(variant.sum), number::count(variant.units));
        let key = &variant.variant;
        if has_denominators {
            format!("{key} {sum} / {} over {units} units", number::amount(variant.denominator_sum))
        } else {
            format!("{key} {sum} of {units} units")
        }
    };
    match reconciliation.steps.last() {
        Some(last) => {
            let variants: Vec<_> = last.variants.iter().map(variant).collect();
            format!("The last row is the result: {}.", variants.join(", "))
        }
        None => "There is nothing to reconcile.".to_owned(),
    }
}

/// Whether values are divided by something else than the number of units.
#[expect(clippy::cast_precision_loss, reason = "counts of units stay far below 2^53")]
fn has_denominators(reconciliation: &Reconciliation) -> bool {
    let mut variants = reconciliation.steps.iter().flat_map(|step| &step.variants);
    variants.any(|variant| variant.denominator_sum != variant.units as f64)
}
