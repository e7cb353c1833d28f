//! Elements of a page, on events that captured the elements around a click (Q-A1, Q-P19).
//!
//! They stand in the events as capturing libraries send them, the clicked element first:
//! - `$elements`, a list of objects;
//! - `$elements_chain` or, in exports, `elements_chain`: one text, `a.btn:href="/join"text="Join";div:nth-child="1"`;
//! - `$el_text`, the text of the clicked element once more.

use crate::model::filter::{Combinator, Compound, ElementFilter, ElementPart, Operator, Selector};
use crate::sql::Sql;
use crate::sql::property::{OF_EVENT, is_common, plain_text};

const CHAINS: [&str; 2] = ["$elements_chain", "elements_chain"];

/// Writes a condition that is true or false: the clicked element, or some element around it, is like this.
pub(super) fn some_element(sql: &mut Sql, element: &ElementFilter) {
    sql.text("coalesce(len(list_filter(");
    match element.part {
        ElementPart::TagName => {
            sql.text("list_transform(");
            elements(sql);
            sql.text(r", lambda element: regexp_extract(element, '^\s*([^.:]*)', 1))");
        }
        ElementPart::Text => {
            let in_chain = r#"[:"]text="((?:[^"\\]|\\.)*)""#;
            parts(sql, &["$[*].\"$el_text\"", "$[*].text"], in_chain, true);
        }
        ElementPart::Href => {
            let in_chain = r#"[:"](?:attr__)?href="((?:[^"\\]|\\.)*)""#;
            parts(sql, &["$[*].attr__href", "$[*].href"], in_chain, false);
        }
    }
    sql.text(", lambda part: ");
    if element.operator == Operator::IsSet {
        sql.text("part IS NOT NULL");
    } else {
        sql.separated(" OR ", &element.values, |sql, value| compared(sql, element.operator, value));
    }
    sql.text(")) > 0, FALSE)");
}

/// Compares the text `part`. Filters on elements hold no other operators.
fn compared(sql: &mut Sql, operator: Operator, value: &str) {
    match operator {
        Operator::Icontains => sql.text("contains(lower(part), lower(").value(value).text("))"),
        Operator::Regex if is_common(value) => sql.text("regexp_matches(part, ").value(value).text(")"),
        Operator::Regex => {
            sql.text("coalesce(TRY(regexp_matches(part, CASE WHEN part IS NULL THEN '' ELSE ").value(value);
            sql.text(" END)), FALSE)")
        }
        _ => sql.text("part = ").value(value),
    };
}

/// The list of a part's values over all elements.
fn parts(sql: &mut Sql, paths: &[&'static str], in_chain: &'static str, is_text: bool) {
    sql.text("list_concat(");
    for path in paths {
        sql.text("json_extract_string(variant_extract(e.properties, '$elements')::JSON, ").value(*path).text("), ");
    }
    for chain in CHAINS {
        sql.text("list_transform(regexp_extract_all(");
        plain_text(sql, OF_EVENT, chain);
        sql.text(", ").value(in_chain).text(r#", 1), lambda part: replace(part, '\"', '"')), "#);
    }
    if is_text {
        sql.text("[");
        plain_text(sql, OF_EVENT, "$el_text");
        sql.text("])");
    } else {
        sql.text("CAST([] AS VARCHAR[]))");
    }
}

/// The elements as a list of texts, each in the form of a chain: `tag.class:attribute="value"attribute="value"`.
fn elements(sql: &mut Sql) {
    sql.text(concat!(
        "list_concat(list_transform(json_extract(variant_extract(e.properties, '$elements')::JSON, '$[*]'), ",
        r"lambda element: coalesce(json_extract_string(element, '$.tag_name'), '') || ':' || ",
        r#"coalesce(array_to_string(list_transform(map_entries(json_transform(element, '"MAP(VARCHAR, VARCHAR)"')), "#,
        r#"lambda entry: entry['key'] || '="' || replace(coalesce(entry['value'], ''), '"', '\"') || '"'), ''), ''))"#,
    ));
    for chain in CHAINS {
        sql.text(", regexp_extract_all(");
        plain_text(sql, OF_EVENT, chain);
        // Up to the next semicolon outside of quotation marks.
        sql.text(", ").value(r#"(?:[^;"]|"(?:[^"\\]|\\.)*")+"#).text(")");
    }
    sql.text(")");
}

/// Writes a condition that is true or false: some element is selected.
///
/// Each element becomes a letter that says which compounds of the selector it fits; how elements stand in each other is then
/// a pattern over these letters, from the inside out.
pub(super) fn selected(sql: &mut Sql, selector: &Selector) {
    sql.text("coalesce(regexp_matches(array_to_string(list_transform(");
    elements(sql);
    sql.text(", lambda element: chr(CAST(").value(i64::from(FIRST_LETTER));
    for (index, compound) in selector.compounds.iter().enumerate() {
        sql.text(" + CASE WHEN ");
        fits(sql, compound);
        sql.text(" THEN ").value(1_i64 << index).text(" ELSE 0 END");
    }
    sql.text(" AS INTEGER))), ''), ").value(letters(&selector.compounds)).text("), FALSE)");
}

/// The letter of an element that fits no compound; those for each set of compounds follow. None of them means anything in a
/// pattern.
const FIRST_LETTER: u32 = 0x4E00;

/// The pattern of the letters of elements that stand in each other as a selector says.
fn letters(compounds: &[Compound]) -> String {
    let mut pattern = String::new();
    for (index, compound) in compounds.iter().enumerate() {
        if compound.combinator == Some(Combinator::Descendant) {
            pattern.push_str(".*");
        }
        let sets = (0..1_u32 << compounds.len()).filter(|set| set & (1 << index) != 0);
        pattern.push('[');
        pattern.extend(sets.filter_map(|set| char::from_u32(FIRST_LETTER + set)));
        pattern.push(']');
    }
    pattern
}

/// The text `element` fits a compound.
fn fits(sql: &mut Sql, compound: &Compound) {
    let mut patterns = Vec::new();
    if let Some(tag) = &compound.tag_name {
        patterns.push(format!(r"^\s*(?i:{})(?:[.:]|$)", regex::escape(tag)));
    }
    for class in &compound.classes {
        let class = regex::escape(class);
        // Behind the tag, in the attribute, or in a list of classes.
        patterns.push(format!(
            r#"^[^:"]*\.{class}(?:[.:]|$)|[:"]attr__class="(?:[^"]*\s)?{class}(?:\s[^"]*)?"|[:"](?:attr_class|classes)="(?:[^"\\]|\\.)*\\"{class}\\""#
        ));
    }
    for (name, value) in &compound.attributes {
        let name = match name.as_str() {
            "id" => "attr__?id".to_owned(),
            "nth-child" => "nth[-_]child".to_owned(),
            "nth-of-type" => "nth[-_]of[-_]type".to_owned(),
            other => format!("(?:attr__)?{}", regex::escape(other)),
        };
        patterns.push(format!(r#"[:"]{name}="{}""#, regex::escape(&value.replace('"', "\\\""))));
    }
    if patterns.is_empty() {
        sql.text("TRUE");
    }
    sql.separated(" AND ", &patterns, |sql, pattern| {
        sql.text("regexp_matches(element, ").value(pattern.as_str()).text(")");
    });
}
