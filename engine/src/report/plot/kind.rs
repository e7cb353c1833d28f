//! The kinds of plots, and drawing one of them.

use serde::Serialize;

use super::{course, exposure, forest, funnel, posterior};
use crate::results::{DifferencePosteriors, ExperimentResult, ExposureView, ListedResult, MetricSeries, SeriesView};

/// What a plot shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlotKind {
    /// Effects with the intervals of all answers.
    Forest,
    /// What is believed about the differences.
    Posterior,
    /// The lift as of the end of each day.
    Series,
    /// The values by day of the first exposure.
    Daily,
    /// The steps of a funnel.
    Funnel,
    /// First exposures per day, and the ratio of the variants.
    Exposure,
    /// The lift by days since the first exposure.
    Age,
}

impl PlotKind {
    /// All kinds, in the order a report shows them.
    pub const ALL: [Self; 7] =
        [Self::Forest, Self::Posterior, Self::Series, Self::Daily, Self::Funnel, Self::Exposure, Self::Age];

    /// Its machine-readable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forest => "forest",
            Self::Posterior => "posterior",
            Self::Series => "series",
            Self::Daily => "daily",
            Self::Funnel => "funnel",
            Self::Exposure => "exposure",
            Self::Age => "age",
        }
    }

    /// The kind with a machine-readable name.
    ///
    /// ```
    /// use abduck::report::PlotKind;
    ///
    /// assert_eq!(PlotKind::named("forest"), Some(PlotKind::Forest));
    /// assert_eq!(PlotKind::named("pie"), None);
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What has to be there for such a plot, in words.
    #[must_use]
    pub fn needs(self) -> &'static str {
        match self {
            Self::Forest => "variants that can be judged",
            Self::Posterior | Self::Series | Self::Age => "variants that can be compared",
            Self::Funnel => "a funnel that somebody entered",
            Self::Daily | Self::Exposure => "units that were exposed",
        }
    }
}

/// What a plot can be drawn from.
#[derive(Clone, Copy, Debug)]
pub enum PlotSource<'a> {
    /// A result.
    Result(&'a ExperimentResult),
    /// The result of a listed metric.
    Listed(&'a ListedResult),
    /// A series.
    Series(&'a MetricSeries),
    /// Posteriors of differences.
    Posteriors(&'a DifferencePosteriors),
    /// Exposures.
    Exposures(&'a ExposureView),
}

/// Draws a plot as SVG that needs nothing from outside, legible in light and dark. `None` where there is nothing to show, or the
/// source does not have what the plot shows.
#[must_use]
pub fn svg(kind: PlotKind, source: PlotSource<'_>) -> Option<String> {
    match (kind, source) {
        (PlotKind::Forest, PlotSource::Result(result)) => forest::forest(result),
        (PlotKind::Forest, PlotSource::Listed(listed)) => forest::listed_forest(listed),
        (PlotKind::Funnel, PlotSource::Result(result)) => funnel::funnel(result),
        (PlotKind::Funnel, PlotSource::Listed(listed)) => funnel::listed_funnel(listed),
        (PlotKind::Posterior, PlotSource::Posteriors(posteriors)) => posterior::posterior(posteriors),
        (PlotKind::Series, PlotSource::Series(series)) => course::course(series, SeriesView::Cumulative),
        (PlotKind::Age, PlotSource::Series(series)) => course::course(series, SeriesView::ByDaysSinceExposure),
        (PlotKind::Daily, PlotSource::Series(series)) => course::daily(series),
        (PlotKind::Exposure, PlotSource::Exposures(view)) => exposure::exposure(view),
        _ => None,
    }
}
