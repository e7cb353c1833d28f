use super::*;
use crate::error::Error;

fn parsed(text: &str) -> Expression {
    Expression::parse(text, "key").unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> Error {
    match Expression::parse(text, "key") {
        Ok(expression) => panic!("{text} was read as {expression:?}"),
        Err(error) => error,
    }
}

fn property(key: &str) -> Expression {
    Expression::Property { owner: PropertyOwner::Event, key: key.to_owned() }
}

#[test]
fn names_of_properties_are_written_in_several_ways() {
    for (text, key) in [
        ("properties.x", "x"),
        (" properties . $x ", "$x"),
        ("properties['a b']", "a b"),
        ("properties.`$feature/a-b`", "$feature/a-b"),
        ("properties.\"it\"\"s\"", "it\"s"),
        ("properties['it''s']", "it's"),
        ("properties['it\\'s \\\\ \\n']", "it's \\ \\n"),
    ] {
        assert_eq!(parsed(text), property(key), "{text}");
    }
    let plan = Expression::Property { owner: PropertyOwner::Group(3), key: "plan".to_owned() };
    assert_eq!(parsed("group_3.properties.plan"), plan);
}

#[test]
fn operators_bind_as_in_sql() {
    for (loose, tight) in [
        ("1 + 2 * 3 - 4 / 2", "(1 + (2 * 3)) - (4 / 2)"),
        ("true or false and not true", "true or (false and (not true))"),
        ("not properties.a = 1 and true", "(not (properties.a = 1)) and true"),
        ("-properties.a * 2 > 1 + 1", "((-properties.a) * 2) > (1 + 1)"),
        (
            "properties.a NOT IN (1) OR properties.a Is Not Null",
            "(not (properties.a in (1))) or (not (properties.a is null))",
        ),
    ] {
        assert_eq!(parsed(loose), parsed(tight), "{loose}");
    }
    assert_eq!(parsed("--1"), Expression::Number(1.0));
    assert_eq!(parsed(".5e1"), Expression::Number(5.0));
}

#[test]
fn kinds_follow_from_what_meets() {
    for (text, kind) in [
        ("properties.a", Kind::Open),
        ("properties.a + 1", Kind::Number),
        ("properties.a = 1", Kind::Boolean),
        ("event", Kind::Text),
        ("timestamp", Kind::Instant),
        ("if(properties.a, 1, properties.b)", Kind::Number),
        ("coalesce(properties.a, properties.b)", Kind::Open),
        ("coalesce(properties.a, 'x')", Kind::Text),
        ("null", Kind::Open),
    ] {
        assert_eq!(parsed(text).kind(), kind, "{text}");
    }
    let Expression::Comparison { kind, .. } = parsed("properties.a = properties.b") else { panic!("no comparison") };
    assert_eq!(kind, Kind::Text);
    let Expression::Comparison { kind, .. } = parsed("properties.a < properties.b") else { panic!("no comparison") };
    assert_eq!(kind, Kind::Number);
}

#[test]
fn what_is_no_expression_is_refused_with_its_place_and_a_next_step() {
    for (text, message, hint) in [
        ("", "the end at character 1", "expressions are such as"),
        ("1 +", "the end at character 4", "expressions are such as"),
        ("(1", "the end at character 3 of the expression is not what comes here: )", "expressions"),
        ("1 2", "the number 2 at character 3", "expressions"),
        ("evnt = 'a'", "the name 'evnt' at character 1", "did you mean 'event'?"),
        ("sum(properties.a)", "the function 'sum' at character 1", "known: toFloat"),
        ("lowr(event)", "the function 'lowr' at character 1", "did you mean 'lower'?"),
        ("properties", "the end at character 11", "expressions"),
        ("person.name", "the name 'name' at character 8", "expressions"),
        ("properties.a.b = 1", "goes into a property", "first level"),
        ("event = 5", "mixes a text with a number", "toFloat"),
        ("event + 1", "needs a number, not a text", "toFloat"),
        ("1 and true", "needs a truth value, not a number", "compare it"),
        ("properties.a in ()", "the symbol ')' at character 18", "expressions"),
        ("true < false", "which of two truth values is greater", ""),
        ("timestamp > 'soon'", "needs a date, not 'soon'", "dates are such as"),
        ("timestamp > properties.a", "a property beside a point in time", "compare timestamp"),
        ("lower()", "takes one value, not 0", ""),
        ("if(true, 1)", "takes 3 values, not 2", ""),
        ("round(1, properties.a)", "takes 0 to 15 decimals", ""),
        ("match(event, '(')", "cannot be used", "look-around"),
        ("match(event, event)", "a pattern in quotation marks", ""),
        ("event like event", "must be a text in quotation marks", ""),
        ("'open", "the quotation at character 1 of the expression does not end", "end it with '"),
        ("1e999", "the number at character 1", "numbers are such as"),
        ("5x", "the number at character 1", "numbers are such as"),
        ("a;b", "the character ';' at character 2", "…"),
        ("properties.é ; 1", "the character ';' at character 14", "…"),
    ] {
        let error = refusal(text);
        assert!(error.to_string().contains(message), "{text}: {error}");
        assert!(error.hints().join(" ").contains(hint), "{text}: {:?}", error.hints());
        assert_eq!(error.code(), "invalid_input", "{text}");
    }
}

#[test]
fn large_and_deep_expressions_are_refused_without_overflowing() {
    assert!(refusal(&"1+".repeat(2_500)).to_string().contains("at most 4000 characters"));
    assert!(refusal(&format!("1{}", "+1".repeat(300))).to_string().contains("more than 200 parts"));
    for deep in ["(", "-", "not ", "abs("] {
        assert!(refusal(&deep.repeat(900)).to_string().contains("levels deep"), "{deep}");
    }
    assert_eq!(parsed(&format!("1{}", "+1".repeat(199))).kind(), Kind::Number);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(properties|event|and|not|in|if|abs|[a-z(),.'`\\[\\]0-9 +*/<>=-]|\\PC){0,30}") {
        let _ = Expression::parse(&text, "key");
    }
}
