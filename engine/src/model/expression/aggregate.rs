//! An expression over many events: an aggregate of an expression over each (`avg(properties.price * properties.pieces)`).

/// The name of the aggregate and what stands in its parentheses, if the text as a whole is one of the aggregates named.
pub(crate) fn aggregate_call<'a>(text: &'a str, names: &[&'static str]) -> Option<(&'static str, &'a str)> {
    let text = text.trim();
    names.iter().find_map(|name| {
        let inside = text.strip_prefix(name)?.trim_start().strip_prefix('(')?.strip_suffix(')')?;
        pairs(inside).then_some((*name, inside.trim()))
    })
}

/// `sum(a) + sum(b)` begins and ends like an aggregate, but what is inside has parentheses that do not pair.
fn pairs(inside: &str) -> bool {
    let mut depth = 0_i64;
    let is_inside = |character: char| {
        depth += i64::from(character == '(') - i64::from(character == ')');
        depth >= 0
    };
    inside.chars().all(is_inside) && depth == 0
}

#[cfg(test)]
mod tests {
    use super::aggregate_call;

    #[test]
    fn only_one_aggregate_around_everything_is_one() {
        let names = &["sum", "count"];
        assert_eq!(aggregate_call(" sum (properties.a + (1)) ", names), Some(("sum", "properties.a + (1)")));
        assert_eq!(aggregate_call("count()", names), Some(("count", "")));
        for text in ["sum(a) + sum(b)", "avg(a)", "sum", "summary(a)", "sum(a"] {
            assert_eq!(aggregate_call(text, names), None, "{text}");
        }
    }
}
