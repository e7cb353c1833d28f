//! How a result looks: number formats, tables and plots as text.
//!
//! Everything here turns values into a `String`; nothing is written anywhere, and no number appears that is not in the
//! result.

mod audit;
mod explain;
mod history;
mod html;
pub mod number;
mod plot;
mod table;
mod text;

pub use audit::{
    audit, audit_html, audit_verdict, disagreement_csv, disagreement_header, disagreement_table, matrix_table,
    source_table,
};
pub use explain::{explanation, stage_table};
pub use history::{history, history_csv, history_html, history_table, history_verdict};
pub use html::{html, listed_html, secondary_html};
pub use plot::{intervals, sparkline};
pub use table::{Cell, Table};
pub use text::{listed_result, listed_table, result, secondary_result, secondary_table, variant_table, verdict};
