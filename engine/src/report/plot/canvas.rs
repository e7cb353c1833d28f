//! The sheet that a plot is drawn on, as SVG that needs nothing from outside.

use std::fmt::Write;

use super::style;
use super::words::{self, escaped, shortened, wrapped};

/// The width of every plot.
pub(super) const WIDTH: f64 = 720.0;
/// What is free at the edges.
pub(super) const EDGE: f64 = 16.0;
/// The size of most texts.
pub(super) const TEXT: f64 = 12.0;
/// The size of numbers and remarks.
pub(super) const SMALL: f64 = 11.0;
const TITLE: f64 = 15.0;
/// The height of a row of a legend.
const LEGEND_ROW: f64 = 20.0;
/// The widest name in a legend.
const LEGEND_NAME: f64 = 240.0;
/// Half the size of a mark.
const MARK: f64 = 4.0;

/// A plot that is being drawn.
#[derive(Debug)]
pub(super) struct Canvas {
    body: String,
    title: String,
    description: String,
}

/// Where a text stands beside its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Title,
    Plain,
    Number,
    Muted,
}

impl Canvas {
    /// A sheet with a title and, below it, what the plot says in words; returns it with the height where the plot may begin.
    pub(super) fn new(title: &str, says: &str) -> (Self, f64) {
        let mut canvas = Self { body: String::new(), title: title.to_owned(), description: says.to_owned() };
        let wide = WIDTH - 2.0 * EDGE;
        canvas.text(Look::Title, (EDGE, EDGE + TITLE), Anchor::Start, &shortened(title, TITLE, wide));
        let mut y = EDGE + TITLE + 6.0;
        for line in wrapped(says, SMALL, wide) {
            y += SMALL * words::LINE;
            canvas.text(Look::Muted, (EDGE, y), Anchor::Start, &line);
        }
        (canvas, y + 12.0)
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = write!(
            self.body,
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            place(from.0),
            place(from.1),
            place(to.0),
            place(to.1)
        );
    }

    /// A rectangle from its upper left corner; `hover` is shown under the pointer.
    pub(super) fn rectangle(&mut self, class: &str, corner: (f64, f64), size: (f64, f64), hover: &str) {
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">{}</rect>",
            place(corner.0),
            place(corner.1),
            place(size.0.max(0.0)),
            place(size.1.max(0.0)),
            tooltip(hover)
        );
    }

    /// A line through points; without two of them there is none.
    pub(super) fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        if points.len() > 1 {
            let _ = write!(self.body, "<polyline class=\"{class}\" points=\"{}\"/>", places(points));
        }
    }

    /// An area with these corners.
    pub(super) fn polygon(&mut self, class: &str, points: &[(f64, f64)]) {
        if points.len() > 2 {
            let _ = write!(self.body, "<polygon class=\"{class}\" points=\"{}\"/>", places(points));
        }
    }

    /// The mark of the series at a place: each of five has a shape of its own.
    pub(super) fn mark(&mut self, index: usize, at: (f64, f64), hover: &str) {
        let class = format!("{} {}", style::colour(index), if style::is_again(index) { "hollow" } else { "fill" });
        let (x, y) = at;
        if index.is_multiple_of(5) {
            let _ = write!(
                self.body,
                "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{MARK}\">{}</circle>",
                place(x),
                place(y),
                tooltip(hover)
            );
            return;
        }
        let corners: &[(f64, f64)] = match index % 5 {
            1 => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            2 => &[(0.0, -1.2), (1.15, 0.9), (-1.15, 0.9)],
            3 => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
            _ => &[(0.0, 1.2), (1.15, -0.9), (-1.15, -0.9)],
        };
        let points: Vec<_> = corners.iter().map(|(dx, dy)| (x + MARK * dx, y + MARK * dy)).collect();
        let _ =
            write!(self.body, "<polygon class=\"{class}\" points=\"{}\">{}</polygon>", places(&points), tooltip(hover));
    }

    /// A text on the line through its point.
    pub(super) fn text(&mut self, look: Look, at: (f64, f64), anchor: Anchor, text: &str) {
        self.hovered_text(look, at, anchor, text, "");
    }

    /// A name that is cut to a width; all of it is shown under the pointer.
    pub(super) fn name(&mut self, at: (f64, f64), anchor: Anchor, name: &str, most: f64) {
        let short = shortened(name, TEXT, most);
        self.hovered_text(Look::Plain, at, anchor, &short, if short == name { "" } else { name });
    }

    fn hovered_text(&mut self, look: Look, at: (f64, f64), anchor: Anchor, text: &str, hover: &str) {
        let class = match look {
            Look::Title => " class=\"title\"",
            Look::Plain => "",
            Look::Number => " class=\"number\"",
            Look::Muted => " class=\"muted\"",
        };
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let (x, y) = (place(at.0), place(at.1));
        let _ =
            write!(self.body, "<text{class} x=\"{x}\" y=\"{y}\"{anchor}>{}{}</text>", escaped(text), tooltip(hover));
    }

    /// Which mark belongs to which name, in as many rows as it takes; returns the height below.
    pub(super) fn legend<'a>(&mut self, names: impl IntoIterator<Item = (usize, &'a str)>, y: f64) -> f64 {
        let (mut x, mut y) = (EDGE, y + LEGEND_ROW * 0.5);
        for (index, name) in names {
            let short = shortened(name, TEXT, LEGEND_NAME);
            let wide = 36.0 + words::width(&short, TEXT);
            if x > EDGE && x + wide > WIDTH - EDGE {
                (x, y) = (EDGE, y + LEGEND_ROW);
            }
            self.line(&stroke(index), (x, y), (x + 20.0, y));
            self.mark(index, (x + 10.0, y), "");
            self.name((x + 26.0, y + 4.0), Anchor::Start, name, LEGEND_NAME);
            x += wide + 10.0;
        }
        y + LEGEND_ROW * 0.5 + 8.0
    }

    /// The plot, so high.
    pub(super) fn finish(self, height: f64) -> String {
        let Self { body, title, description } = self;
        let (title, description) = (escaped(&title), escaped(&description));
        let (width, height) = (place(WIDTH), place(height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"abduck-plot\" role=\"img\" aria-label=\"{title}\" \
             viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" style=\"max-width:100%;height:auto\">\
             <title>{title}</title><desc>{description}</desc><style>{}</style>\
             <rect class=\"paper\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>{body}</svg>\n",
            style::sheet()
        )
    }
}

/// The classes of the line of the series at a place.
pub(super) fn stroke(index: usize) -> String {
    format!("{} line{}", style::colour(index), if style::is_again(index) { " again" } else { "" })
}

fn tooltip(hover: &str) -> String {
    if hover.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(hover)) }
}

/// A coordinate, to a tenth.
fn place(coordinate: f64) -> String {
    let text = format!("{coordinate:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn places(points: &[(f64, f64)]) -> String {
    let points: Vec<_> = points.iter().map(|(x, y)| format!("{},{}", place(*x), place(*y))).collect();
    points.join(" ")
}
