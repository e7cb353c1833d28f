//! Which variants of a table are compared.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::plan::BASELINE;

/// The variants of a table, the baseline first.
///
/// `known` are those that count, in their order; without any, those that were `found`, in alphabetical order. Unless a
/// baseline is named, it is `control`.
///
/// # Errors
/// `Schema` when nothing was found; `Invalid` when the baseline is none of the variants.
///
/// ```
/// use abduck::plan::table_variants;
///
/// let found = ["test".to_owned(), "control".to_owned(), "blue".to_owned()];
/// assert_eq!(table_variants(None, &[], &found)?, ["control", "blue", "test"]);
/// assert_eq!(table_variants(Some("blue"), &found[..2], &found).unwrap_err().hints(), ["choose one of: test, control"]);
/// # Ok::<(), abduck::Error>(())
/// ```
pub fn table_variants(baseline: Option<&str>, known: &[String], found: &[String]) -> Result<Vec<String>> {
    if found.is_empty() {
        return Err(Error::schema("no row has a variant").hint("check the column with the variant"));
    }
    let sorted: BTreeSet<&String> = found.iter().collect();
    let mut variants: Vec<String> =
        if known.is_empty() { sorted.into_iter().cloned().collect() } else { known.to_vec() };
    let key = baseline.unwrap_or(BASELINE);
    let Some(position) = variants.iter().position(|variant| variant == key) else {
        let shown: Vec<_> = variants.iter().take(SHOWN_MAX).map(String::as_str).collect();
        let more = if variants.len() > SHOWN_MAX { ", …" } else { "" };
        let choose = if baseline.is_some() { "choose one of" } else { "name the baseline, one of" };
        return Err(Error::invalid_field("baseline", "invalid_choice", format!("there is no variant '{key}'"))
            .hint(format!("{choose}: {}{more}", shown.join(", "))));
    };
    if variants.len() > VARIANTS_MAX {
        let message = format!("there are {} variants; at most {VARIANTS_MAX} can be compared", variants.len());
        return Err(Error::invalid_field("variant", "invalid_input", message)
            .hint("check that the column holds variants, or name those that count"));
    }
    let baseline = variants.remove(position);
    variants.insert(0, baseline);
    Ok(variants)
}

/// How many variants a message shows.
const SHOWN_MAX: usize = 10;

/// The most variants of a table; a column with more holds something else.
const VARIANTS_MAX: usize = 100;
