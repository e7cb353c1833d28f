//! The colours and lines of all plots, for light and dark.
//!
//! The colours are those of M. Okabe and K. Ito ("Color universal design", 2008), which people with any kind of colour vision tell apart;
//! where one is too pale for the paper, it is darker or lighter here. Colours come back after seven variants, dashed and hollow then,
//! and the marks differ in shape besides.

/// The colours on white; the first is the baseline's.
pub(super) const LIGHT: [&str; 7] = ["#5a5a5a", "#0072b2", "#d55e00", "#009e73", "#c4679b", "#b37a00", "#3a93c9"];
/// The same on black.
pub(super) const DARK: [&str; 7] = ["#b4b4b4", "#3d93d8", "#e8762c", "#1bb58c", "#d58bb4", "#e69f00", "#8ccbf2"];
/// Paper and ink, by day and by night.
pub(super) const LIGHT_PAPER: [&str; 2] = ["#ffffff", "#1c1c1c"];
/// The same at night.
pub(super) const DARK_PAPER: [&str; 2] = ["#161616", "#e8e8e8"];

const SHAPES: &str = "\
.abduck-plot{font:12px system-ui,-apple-system,'Segoe UI','Liberation Sans',Arial,sans-serif;color-scheme:light dark}\
.abduck-plot text{fill:currentColor}\
.abduck-plot .title{font-size:15px;font-weight:600}\
.abduck-plot .muted{font-size:11px;opacity:.78}\
.abduck-plot .number{font-size:11px;font-variant-numeric:tabular-nums}\
.abduck-plot .grid{stroke:currentColor;stroke-opacity:.14}\
.abduck-plot .axis{stroke:currentColor;stroke-opacity:.55}\
.abduck-plot .zero{stroke:currentColor;stroke-opacity:.75;stroke-dasharray:4 3}\
.abduck-plot .line{stroke:currentColor;stroke-width:2;fill:none;stroke-linejoin:round}\
.abduck-plot .thin{stroke:currentColor;stroke-width:1.2;fill:none}\
.abduck-plot .fill{fill:currentColor}\
.abduck-plot .pale{fill:currentColor;fill-opacity:.2}\
.abduck-plot .half{fill:currentColor;fill-opacity:.45}\
.abduck-plot .hollow{stroke:currentColor;stroke-width:1.6}\
.abduck-plot .again{stroke-dasharray:6 3}\
.abduck-plot .reach{fill:transparent}";

/// The style sheet of a plot.
pub(super) fn sheet() -> String {
    let colours = |colours: &[&str; 7], [paper, ink]: [&str; 2]| -> String {
        let rule = |(index, colour): (usize, &&str)| format!(".abduck-plot .c{index}{{color:{colour}}}");
        let rules: String = colours.iter().enumerate().map(rule).collect();
        format!(".abduck-plot{{color:{ink}}}.abduck-plot .paper,.abduck-plot .hollow{{fill:{paper}}}{rules}")
    };
    format!(
        "{SHAPES}{}@media screen and (prefers-color-scheme:dark){{{}}}",
        colours(&LIGHT, LIGHT_PAPER),
        colours(&DARK, DARK_PAPER)
    )
}

/// The class that gives the series at a place its colour.
pub(super) fn colour(index: usize) -> String {
    format!("c{}", index % LIGHT.len())
}

/// Whether the colour of the series at a place stood for another one before.
pub(super) fn is_again(index: usize) -> bool {
    index >= LIGHT.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of a colour (WCAG 2.2).
    fn luminance(colour: &str) -> f64 {
        let part = |from: usize| {
            let value = f64::from(u8::from_str_radix(&colour[from..from + 2], 16).unwrap()) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn everything_stands_out_from_its_paper() {
        for (colours, [paper, ink]) in [(LIGHT, LIGHT_PAPER), (DARK, DARK_PAPER)] {
            assert!(contrast(ink, paper) > 12.0);
            // WCAG 2.2, 1.4.11: 3 to 1 for graphics.
            assert!(colours.iter().all(|colour| contrast(colour, paper) >= 3.0), "{colours:?}");
        }
    }
}
