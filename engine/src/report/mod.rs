//! How a result looks: number formats, tables and plots as text.
//!
//! Everything here turns values into a `String`; nothing is written anywhere, and no number appears that is not in the
//! result.

mod audit;
mod decision;
mod explain;
mod exposure_view;
mod history;
mod html;
pub mod number;
mod page;
mod planning;
mod plot;
mod reconciliation;
mod series;
mod table;
mod table_analysis;
mod text;
mod unit_explanation;
mod units;

pub use audit::{
    audit, audit_html, audit_verdict, disagreement_csv, disagreement_header, disagreement_table, matrix_table,
    source_table,
};
pub use decision::{decision, decision_html, decision_table, decision_verdict};
pub use explain::{explanation, stage_table};
pub use exposure_view::{exposure_csv, exposure_table, exposure_view, exposure_view_html};
pub use history::{history, history_csv, history_html, history_table, history_verdict};
pub use html::{html, listed_html, secondary_html};
pub use page::{report_html, report_markdown};
pub use planning::{
    calibration, calibration_table, influence, influence_table, past_plan, past_plan_table, prior, prior_table,
    remaining, remaining_table,
};
pub use plot::{PlotKind, PlotSource, intervals, sparkline, svg};
pub use reconciliation::{
    reconciled_text, reconciliation, reconciliation_csv, reconciliation_html, reconciliation_table,
};
pub use series::{series, series_csv, series_html, series_table};
pub use table::{Cell, Table};
pub use table_analysis::{table_analysis, table_analysis_html, table_analysis_table, table_analysis_verdict};
pub use text::{listed_result, listed_table, result, secondary_result, secondary_table, variant_table, verdict};
pub use unit_explanation::{unit_event_table, unit_explanation};
pub use units::{unit_csv, unit_list};
