//! Elements of a page, on events that captured the elements around a click (Q-A1).
//!
//! They stand in the events as capturing libraries send them, the clicked element first:
//! - `$elements`, a list of objects;
//! - `$elements_chain` or, in exports, `elements_chain`: one text, `a.btn:href="/join"text="Join";div:nth-child="1"`;
//! - `$el_text`, the text of the clicked element once more.

use crate::model::filter::{ElementFilter, ElementPart};
use crate::sql::Sql;
use crate::sql::population::variant_text;

const CHAINS: [&str; 2] = ["$elements_chain", "elements_chain"];

/// Writes a condition that is true or false: the clicked element, or some element around it, is like this.
pub(super) fn some_element(sql: &mut Sql, element: &ElementFilter) {
    let paths: &[&'static str] = match element.part {
        ElementPart::TagName => &["$[*].tag_name"],
        ElementPart::Text => &["$[*].\"$el_text\"", "$[*].text"],
        ElementPart::Href => &["$[*].attr__href", "$[*].href"],
    };
    sql.text("(");
    if element.part == ElementPart::Text {
        sql.text("coalesce(");
        variant_text(sql, "$el_text");
        sql.text(" = ").value(element.value.as_str()).text(", FALSE) OR ");
    }
    sql.separated(" OR ", paths, |sql, path| {
        sql.text("coalesce(list_contains(json_extract_string(variant_extract(e.properties, '$elements')::JSON, ");
        sql.value(*path).text("), ").value(element.value.as_str()).text("), FALSE)");
    });
    let pattern = in_chain(element);
    for chain in CHAINS {
        sql.text(" OR coalesce(regexp_matches(");
        variant_text(sql, chain);
        sql.text(", ").value(pattern.as_str()).text("), FALSE)");
    }
    sql.text(")");
}

/// What is found in a chain that has such an element: a tag before its classes and attributes, or a whole attribute.
fn in_chain(element: &ElementFilter) -> String {
    let attribute = |name: &str| {
        let value = regex::escape(&element.value.replace('"', "\\\""));
        format!("(:|\"){name}=\"{value}\"")
    };
    match element.part {
        ElementPart::TagName => format!("(^|;){}([.;:]|$)", regex::escape(&element.value)),
        ElementPart::Text => attribute("text"),
        ElementPart::Href => attribute("href"),
    }
}
