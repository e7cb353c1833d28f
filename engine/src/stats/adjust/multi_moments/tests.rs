use proptest::prelude::*;

use super::*;

fn parts(count: u64, sums: &[f64], co_moments: &[f64]) -> Result<MultiMoments> {
    MultiMoments::from_parts(count, sums.to_vec(), co_moments.to_vec())
}

#[test]
fn large_offsets_do_not_swallow_the_spread() {
    let moments = MultiMoments::of(&[1.0, 2.0, 3.0].map(|value| [1e9 + value, -1e9 - value, value / 1024.0])).unwrap();
    assert_eq!((moments.co_moment(0, 0), moments.co_moment(1, 0)), (Some(2.0), Some(-2.0)));
    assert_eq!((moments.co_moment(2, 0), moments.co_moment(0, 2)), (Some(2.0 / 1024.0), Some(2.0 / 1024.0)));
    assert_eq!((moments.co_moment(3, 0), moments.mean(3), moments.width()), (None, None, 3));
}

#[test]
fn nothing_merges_with_anything_and_different_widths_do_not() {
    let one = MultiMoments::of(&[[1.0, 2.0]]).unwrap();
    assert_eq!(one.merge(&MultiMoments::default()).unwrap(), one);
    assert_eq!(MultiMoments::default().merge(&one).unwrap(), one);
    assert_eq!(MultiMoments::of::<[f64; 2]>(&[]).unwrap(), MultiMoments::default());
    assert_eq!(one.merge(&MultiMoments::of(&[[1.0]]).unwrap()).unwrap_err().code(), "invalid_shape");
    let largest = parts(u64::MAX, &[0.0], &[0.0]).unwrap();
    assert_eq!(largest.merge(&largest).unwrap_err().code(), "out_of_range");
}

#[test]
fn values_that_are_no_numbers_or_do_not_fit_are_refused() {
    assert_eq!(MultiMoments::of(&[vec![1.0], vec![1.0, 2.0]]).unwrap_err().code(), "invalid_shape");
    assert_eq!(MultiMoments::of(&[[1.0], [f64::INFINITY]]).unwrap_err().code(), "out_of_range");
    assert_eq!(MultiMoments::of(&[[1e200], [-1e200]]).unwrap_err().code(), "out_of_range");
    assert_eq!(MultiMoments::of(&[[1e308], [1e308]]).unwrap_err().code(), "out_of_range");
    let (one, other) = (MultiMoments::of(&[[1e200]]).unwrap(), MultiMoments::of(&[[-1e200]]).unwrap());
    assert_eq!(one.merge(&other).unwrap_err().code(), "out_of_range");
}

#[test]
fn parts_that_no_units_have_are_refused() {
    assert_eq!(parts(3, &[1.0, 2.0], &[1.0, 0.5]).unwrap_err().code(), "invalid_shape");
    assert_eq!(parts(3, &[1.0, f64::NAN], &[1.0, 0.5, 1.0]).unwrap_err().code(), "out_of_range");
    assert_eq!(parts(3, &[1.0], &[-1.0]).unwrap_err().code(), "out_of_range");
    assert_eq!(parts(3, &[1.0, 1.0], &[1.0, 1.5, 2.0]).unwrap_err().code(), "out_of_range");
    assert_eq!(parts(0, &[1.0], &[0.0]).unwrap_err().code(), "out_of_range");
    assert_eq!(parts(0, &[0.0], &[0.0]).unwrap(), MultiMoments::default());
    // A constant of which rounding leaves a little co-moment is possible.
    assert!(parts(3, &[0.3, 30.0], &[0.0, 1e-15, 2.0]).is_ok());
}

#[test]
fn moments_are_written_and_read_and_checked() {
    let moments = MultiMoments::of(&[[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]]).unwrap();
    let written = serde_json::to_string(&moments).unwrap();
    assert_eq!(written, r#"{"count":3,"sums":[9.0,60.0],"co_moments":[14.0,90.0,600.0]}"#);
    assert_eq!(serde_json::from_str::<MultiMoments>(&written).unwrap(), moments);
    assert!(serde_json::from_str::<MultiMoments>(r#"{"count":3,"sums":[9.0],"co_moments":[]}"#).is_err());
}

proptest! {
    #[test]
    fn parts_merge_to_the_whole(
        rows in prop::collection::vec([-1e6..1e6_f64, -1e3..1e3_f64, 1e9..1.000_001e9_f64], 0..60),
        cut in 0_usize..60,
    ) {
        let (left, right) = rows.split_at(cut.min(rows.len()));
        let merged = MultiMoments::of(left).unwrap().merge(&MultiMoments::of(right).unwrap()).unwrap();
        let whole = MultiMoments::of(&rows).unwrap();
        prop_assert_eq!((merged.count(), merged.width()), (whole.count(), whole.width()));
        let deviations: Vec<f64> =
            (0..whole.width()).map(|value| whole.co_moment(value, value).unwrap().sqrt()).collect();
        for (row, column) in lower_triangle(whole.width()) {
            let apart = merged.co_moment(row, column).unwrap() - whole.co_moment(row, column).unwrap();
            prop_assert!(apart.abs() <= 1e-9 * deviations[row] * deviations[column], "{} {} {}", row, column, apart);
            let means = (merged.mean(row).unwrap(), whole.mean(row).unwrap());
            prop_assert!((means.0 - means.1).abs() <= 1e-12 * means.1.abs().max(1e3), "{:?}", means);
        }
    }

    #[test]
    fn moments_of_two_values_are_those_of_pairs(pairs in prop::collection::vec((-1e3..1e3_f64, -1e3..1e3_f64), 1..60)) {
        let rows: Vec<[f64; 2]> = pairs.iter().map(|(value, other)| [*value, *other]).collect();
        let several = MultiMoments::of(&rows).unwrap();
        let moments = crate::stats::Moments::of(&pairs);
        let expected = [moments.second_moment, moments.other.co_moment, moments.other.second_moment];
        for ((row, column), expected) in [(0, 0), (0, 1), (1, 1)].into_iter().zip(expected) {
            prop_assert!((several.co_moment(row, column).unwrap() - expected).abs() <= 1e-12 * expected.abs().max(1e3));
        }
        prop_assert_eq!(several.mean(0), Some(moments.mean()));
    }
}
