//! How a result looks: number formats, tables and plots as text.
//!
//! Everything here turns values into a `String`; nothing is written anywhere, and no number appears that is not in the
//! result.

mod explain;
mod html;
pub mod number;
mod plot;
mod table;
mod text;

pub use explain::{explanation, stage_table};
pub use html::{html, secondary_html};
pub use plot::intervals;
pub use table::{Cell, Table};
pub use text::{result, secondary_result, secondary_table, variant_table, verdict};
