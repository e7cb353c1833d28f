//! YAML as located values: which text says what, and at which line and column each part of it stands.
//!
//! Scalars mean what they mean in the YAML 1.2 core schema, as in the rest of the engine. Keys are texts, whatever they
//! look like; a key that comes twice is refused.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use serde::de::IgnoredAny;
use serde_json::{Map, Number, Value};

/// How deep lists and mappings may stand in each other.
const DEPTH_MAX: usize = 100;

/// How many parts one text may come to once aliases are written out.
const PARTS_MAX: usize = 1_000_000;

/// A line and a column, both from 1.
pub(super) type Position = (usize, usize);

/// One document of a text.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) value: Value,
    /// Where each part stands, by its path, such as `filters.groups[0].variant`; the whole has the empty path.
    pub(super) positions: HashMap<String, Position>,
}

/// Why a text cannot be read, and where.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) position: Position,
    pub(super) message: String,
}

/// Reads all documents of a text; empty ones are passed over.
pub(super) fn read(text: &str) -> Result<Vec<Located>, Fault> {
    load(text).or_else(|fault| match without_surrogates(text) {
        Some(text) => load(&text),
        None => Err(fault),
    })
}

fn load(text: &str) -> Result<Vec<Located>, Fault> {
    let mut loader = Loader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| Fault { position: position(error.marker()), message: error.info().to_owned() })?;
        loader.take(event, position(&span.start))?;
    }
    Ok(loader.documents)
}

fn position(marker: &Marker) -> Position {
    (marker.line(), marker.col() + 1)
}

#[derive(Default)]
struct Loader {
    documents: Vec<Located>,
    positions: HashMap<String, Position>,
    open: Vec<Open>,
    anchors: HashMap<usize, Value>,
    parts: usize,
}

/// A list or a mapping whose end has not come.
struct Open {
    path: String,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Value>),
    Mapping { fields: Map<String, Value>, key: Option<String> },
}

impl Loader {
    fn take(&mut self, event: Event<'_>, position: Position) -> Result<(), Fault> {
        let fault = |message: &str| Fault { position, message: message.to_owned() };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(Open { content: Content::Mapping { fields, key: key @ None }, path, .. }) =
                    self.open.last_mut()
                {
                    if fields.contains_key(&*text) {
                        return Err(fault(&format!("the key '{text}' is given twice")));
                    }
                    self.positions.insert(below(path, &text), position);
                    *key = Some(text.into_owned());
                    return Ok(());
                }
                let value = scalar(&text, style, tag).map_err(|message| fault(&message))?;
                self.put(value, anchor, position)
            }
            Event::SequenceStart(anchor, tag) => self.begin(Content::List(Vec::new()), anchor, tag.is_some(), position),
            Event::MappingStart(anchor, tag) => {
                self.begin(Content::Mapping { fields: Map::new(), key: None }, anchor, tag.is_some(), position)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { anchor, content, .. }) = self.open.pop() else { return Ok(()) };
                let value = match content {
                    Content::List(items) => Value::Array(items),
                    Content::Mapping { fields, .. } => Value::Object(fields),
                };
                self.put(value, anchor, position)
            }
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned().ok_or_else(|| fault("an alias cannot hold itself"))?;
                self.parts += parts(&value);
                self.put(value, 0, position)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn begin(&mut self, content: Content, anchor: usize, has_tag: bool, position: Position) -> Result<(), Fault> {
        let fault = |message: &str| Err(Fault { position, message: message.to_owned() });
        if has_tag {
            return fault("tags are not supported here");
        }
        if self.open.len() >= DEPTH_MAX {
            return fault("lists and mappings stand too deep in each other");
        }
        let path = match self.open.last() {
            None => String::new(),
            Some(Open { content: Content::Mapping { key: None, .. }, .. }) => return fault("a key must be a text"),
            Some(open) => open.next(),
        };
        self.positions.entry(path.clone()).or_insert(position);
        self.open.push(Open { path, anchor, content });
        Ok(())
    }

    /// Puts a value that is complete where it belongs.
    fn put(&mut self, value: Value, anchor: usize, position: Position) -> Result<(), Fault> {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(Fault { position, message: "the text holds too much".to_owned() });
        }
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        let Some(open) = self.open.last_mut() else {
            let positions = std::mem::take(&mut self.positions);
            if !value.is_null() {
                self.documents.push(Located { value, positions });
            }
            return Ok(());
        };
        let path = open.next();
        match &mut open.content {
            Content::List(items) => items.push(value),
            Content::Mapping { fields, key } => {
                let Some(key) = key.take() else {
                    return Err(Fault { position, message: "a key must be a text".to_owned() });
                };
                fields.insert(key, value);
            }
        }
        self.positions.entry(path).or_insert(position);
        Ok(())
    }
}

impl Open {
    /// The path of the part that comes next.
    fn next(&self) -> String {
        match &self.content {
            Content::List(items) => format!("{}[{}]", self.path, items.len()),
            Content::Mapping { key, .. } => below(&self.path, key.as_deref().unwrap_or_default()),
        }
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn parts(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(parts).sum::<usize>() + 1,
        Value::Object(fields) => fields.values().map(parts).sum::<usize>() + 1,
        _ => 1,
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<Cow<'_, Tag>>) -> Result<Value, String> {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => Ok(text.into()),
        Some(tag) => Err(format!("the tag {}{} is not supported here", tag.handle, tag.suffix)),
        None if style == ScalarStyle::Plain => plain(text),
        None => Ok(text.into()),
    }
}

/// What a text without quotes means.
fn plain(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(true.into()),
        "false" | "False" | "FALSE" => return Ok(false.into()),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(format!("{text} is not a number that can be kept; a text needs quotes"));
    }
    Ok(number(text, unsigned).map_or_else(|| text.into(), Value::Number))
}

fn number(text: &str, unsigned: &str) -> Option<Number> {
    let radixes = [("0x", 16), ("0o", 8), ("0b", 2)];
    if let Some((digits, radix)) =
        radixes.iter().find_map(|(prefix, radix)| Some((unsigned.strip_prefix(prefix)?, *radix)))
    {
        if digits.starts_with(['+', '-']) {
            return None;
        }
        return if text.starts_with('-') {
            i64::from_str_radix(&format!("-{digits}"), radix).ok().map(Number::from)
        } else {
            u64::from_str_radix(digits, radix).ok().map(Number::from)
        };
    }
    // Zeros in front make a text, such as a postal code.
    let is_digits = unsigned.bytes().all(|byte| byte.is_ascii_digit());
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        || (is_digits && unsigned.len() > 1 && unsigned.starts_with('0'))
    {
        return None;
    }
    let positive = text.strip_prefix('+').unwrap_or(text);
    let whole = positive.parse::<u64>().map(Number::from).or_else(|_| positive.parse::<i64>().map(Number::from));
    whole.ok().or_else(|| positive.parse::<f64>().ok().and_then(Number::from_f64))
}

/// JSON may write a character as two halves of UTF-16, YAML may not. The text with such characters as themselves, if it is
/// JSON and there are some.
fn without_surrogates(text: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut rest = text;
    let mut rewritten = String::with_capacity(text.len());
    while let Some(index) = rest.find('\\') {
        rewritten.push_str(&rest[..index]);
        let escape = &rest[index..];
        let unit = |start: usize| {
            let digits = escape.get(start..start + 6)?.strip_prefix("\\u")?;
            u16::from_str_radix(digits, 16).ok()
        };
        let pair = unit(0).zip(unit(6)).and_then(|(high, low)| char::decode_utf16([high, low]).next()?.ok());
        let length = if let Some(character) = pair.filter(|character| u32::from(*character) > 0xffff) {
            rewritten.push(character);
            12
        } else {
            let length = escape.char_indices().nth(2).map_or(escape.len(), |(end, _)| end);
            rewritten.push_str(&escape[..length]);
            length
        };
        rest = &escape[length..];
    }
    rewritten.push_str(rest);
    (rewritten != text).then_some(rewritten)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        read(text).unwrap().remove(0).value
    }

    fn fault(text: &str) -> (Position, String) {
        let fault = read(text).unwrap_err();
        (fault.position, fault.message)
    }

    #[test]
    fn parts_have_the_line_and_column_of_their_key() {
        let text = "kind: flag\nfilters:\n  groups:\n    - variant: test\n    - {rollout_percentage: 5}\n";
        let positions = read(text).unwrap().remove(0).positions;
        let expected = [
            ("", (1, 1)),
            ("kind", (1, 1)),
            ("filters.groups", (3, 3)),
            ("filters.groups[0].variant", (4, 7)),
            ("filters.groups[1]", (5, 7)),
            ("filters.groups[1].rollout_percentage", (5, 8)),
        ];
        for (path, position) in expected {
            assert_eq!(positions.get(path), Some(&position), "{path}");
        }
    }

    #[test]
    fn faults_are_refused_with_their_place() {
        assert_eq!(fault("a: 1\nb: 2\na: 3"), ((3, 1), "the key 'a' is given twice".to_owned()));
        assert_eq!(fault("{\"a\": 1, \"a\": 2}").0, (1, 10));
        assert_eq!(fault("a:\n  - ? [1]\n    : 2").1, "a key must be a text");
        assert_eq!(fault("a: !!int 5").1, "the tag tag:yaml.org,2002:int is not supported here");
        assert_eq!(fault("a: .nan").0, (1, 4));
        assert_eq!(fault("a: &x [*x]").1, "an alias cannot hold itself");
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert_eq!(fault(&deep).1, "lists and mappings stand too deep in each other");
        let line = |n: usize| format!("a{n}: &x{n} [{}]\n", vec![format!("*x{}", n - 1); 20].join(","));
        let lines: Vec<String> = (1..9).map(line).collect();
        assert_eq!(fault(&format!("a0: &x0 [1, 2]\n{}", lines.concat())).1, "the text holds too much");
    }

    #[test]
    fn aliases_documents_and_json_are_understood() {
        assert_eq!(value("a: &x {b: 1}\nc: *x"), json!({"a": {"b": 1}, "c": {"b": 1}}));
        assert_eq!(read("---\n---\na: 1\n---\nb: 2\n...\n").unwrap().len(), 2);
        assert!(read("# nothing\n").unwrap().is_empty());
        let text = "{\"a\":\t[1, 2.5e3, true, null, \"\\ud83d\\ude00 \\\\ud83d \\u00e9 \\/\"]}";
        assert_eq!(value(text), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn texts_without_quotes_mean_what_they_mean_elsewhere_in_the_engine() {
        for text in [
            "5",
            "-5",
            "+5",
            "007",
            "-0",
            "0",
            "0.0",
            "1e3",
            "1.",
            ".5",
            "+.5",
            "-.5e-3",
            "0x1F",
            "-0x1F",
            "0o17",
            "0b101",
            "18446744073709551615",
            "-9223372036854775808",
            "1_000",
            "yes",
            "Null",
            "TRUE",
            "~",
            "",
            "1e400",
            "-",
            "+",
            ".",
            "..5",
            "e5",
            "2024-01-01",
            "12:30",
            "inf",
            "nan",
            "NaN",
            "infinity",
            "-inf",
            "0x",
            "--5",
            "+-5",
            "0x-5",
            "5 apples",
        ] {
            let expected: Value = serde_yaml_ng::from_str(&format!("a: {text}")).unwrap_or_else(|_| json!({"a": text}));
            if text != "-" && text != "?" {
                assert_eq!(value(&format!("a: {text}")), expected, "{text}");
            }
        }
    }

    fn tree() -> impl Strategy<Value = Value> {
        let text = prop_oneof![".*", "[ \\t\\n:#'\"\\-!&*?|>%@`{}\\[\\],a0]{0,12}", "[0-9a-fxob.+_eE\\-]{0,8}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((".*", inner), 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn what_is_written_as_yaml_or_json_is_read_back(tree in tree()) {
            let tree = json!({"a": tree});
            let yaml = serde_yaml_ng::to_string(&tree).unwrap();
            prop_assert_eq!(&value(&yaml), &tree, "{}", yaml);
            let json = tree.to_string();
            prop_assert_eq!(&value(&json), &tree, "{}", json);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[ \\t\\n:#'\"\\-!&*?|>%@`{}\\[\\],a0\\\\]{0,60}") {
            let _ = read(&text);
        }
    }
}
