//! Strata with too few units to say how much they vary.

use super::Stratum;
use crate::error::{Error, Result};
use crate::stats::moments::Moments;

/// Fewest units of a stratum in each arm: with one there is no variance.
const UNITS_PER_ARM: u64 = 2;

/// The strata in the order of their names, those lacking units merged to one, which comes last; and the names of the
/// merged.
pub(super) fn merge_sparse(strata: &[Stratum]) -> Result<(Vec<Stratum>, Vec<String>)> {
    let (mut usable, sparse) = sorted(strata)?.into_iter().partition::<Vec<Stratum>, _>(has_enough);
    let mut merged: Vec<String> = sparse.iter().map(|stratum| stratum.name.clone()).collect();
    let Some(mut rest) = sparse.into_iter().reduce(|one, other| merge(one, &other)) else {
        return nonempty(usable, merged);
    };
    if !has_enough(&rest) {
        let size = |stratum: &Stratum| stratum.control.count.saturating_add(stratum.treatment.count);
        // The first of the smallest, which is the one with the first name.
        let smallest = usable.iter().enumerate().min_by_key(|(_, stratum)| size(stratum)).map(|(index, _)| index);
        let Some(smallest) = smallest else { return Err(too_few(&rest)) };
        let joining = usable.remove(smallest);
        rest = merge(rest, &joining);
        merged.push(joining.name);
    }
    merged.sort_unstable();
    usable.push(rest);
    Ok((usable, merged))
}

/// The strata with units, by name.
fn sorted(strata: &[Stratum]) -> Result<Vec<Stratum>> {
    let mut sorted = strata.to_vec();
    sorted.sort_by(|one, other| one.name.cmp(&other.name));
    if let Some([twice, _]) = sorted.array_windows().find(|[one, next]| one.name == next.name) {
        let message = format!("two strata are named '{}'", twice.name);
        return Err(Error::invalid_field("strata", "unique", message));
    }
    sorted.iter().try_for_each(|stratum| [stratum.control, stratum.treatment].iter().try_for_each(check))?;
    sorted.retain(|stratum| stratum.control.count > 0 || stratum.treatment.count > 0);
    Ok(sorted)
}

fn check(moments: &Moments) -> Result<()> {
    let other = moments.other;
    let second_moments = [moments.second_moment, other.second_moment];
    let are_finite = [moments.sum, other.sum, other.co_moment].iter().chain(&second_moments).all(|a| a.is_finite());
    if are_finite && second_moments.iter().all(|second_moment| *second_moment >= 0.0) {
        return Ok(());
    }
    let message = format!("moments must be finite, and second moments not negative, got {moments:?}");
    Err(Error::invalid_field("moments", "out_of_range", message))
}

fn has_enough(stratum: &Stratum) -> bool {
    stratum.control.count.min(stratum.treatment.count) >= UNITS_PER_ARM
}

fn merge(one: Stratum, other: &Stratum) -> Stratum {
    Stratum {
        name: one.name,
        control: one.control.merge(&other.control),
        treatment: one.treatment.merge(&other.treatment),
    }
}

fn nonempty(strata: Vec<Stratum>, merged: Vec<String>) -> Result<(Vec<Stratum>, Vec<String>)> {
    if strata.is_empty() {
        return Err(Error::invalid_field("strata", "too_few", "there are no units in any stratum"));
    }
    Ok((strata, merged))
}

fn too_few(all: &Stratum) -> Error {
    let (control, treatment) = (all.control.count, all.treatment.count);
    let message =
        format!("each arm needs at least {UNITS_PER_ARM} units in all strata together, got {control} and {treatment}");
    Error::invalid_field("strata", "too_few", message)
}
