//! Guessing what a misspelt name was meant to be.

use strsim::osa_distance;

/// The candidate closest to `name`, if one is close enough that a slip of the fingers explains the difference.
pub(crate) fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters: short names are not "corrected" into something unrelated.
    let tolerated = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (osa_distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= tolerated)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn the_nearest_name_wins_and_far_ones_are_no_suggestion() {
        assert_eq!(closest("nmae", ["filters", "name"]), Some("name"));
        assert_eq!(closest("descripton", ["name", "description"]), Some("description"));
        assert_eq!(closest("Filter", ["filters", "file"]), Some("filters"));
        assert_eq!(closest("checkout", ["pricing"]), None);
        assert_eq!(closest("", ["name"]), None);
    }
}
