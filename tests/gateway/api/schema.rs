//! As much of JSON Schema as the description of the HTTP API uses, both ways: whether a value fits a schema, and any value
//! that does. A keyword that is not known here is a failure, so the description cannot say what nobody checks.

use proptest::prelude::*;
use proptest::strategy::Union;
use proptest::string::string_regex;
use regex::Regex;
use serde_json::{Map, Value, json};

/// Keywords that say nothing of what fits.
const SILENT: [&str; 3] = ["description", "default", "name"];

/// A description, whose parts refer to each other.
#[derive(Clone, Debug)]
pub(super) struct Description(pub(super) Value);

impl Description {
    /// The part that is meant, where one refers to another.
    pub(super) fn resolve<'a>(&'a self, part: &'a Value) -> &'a Value {
        match part["$ref"].as_str() {
            Some(place) => self.0.pointer(place.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("no {place}")),
            None => part,
        }
    }

    /// Whether a value fits a schema; else where it does not.
    pub(super) fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = self.resolve(schema).as_object().unwrap();
        for (keyword, rule) in schema {
            if !self.keeps(schema, keyword, rule, value)? {
                return Err(format!("{value} against {keyword}: {rule}"));
            }
        }
        Ok(())
    }

    fn keeps(&self, schema: &Map<String, Value>, keyword: &str, rule: &Value, value: &Value) -> Result<bool, String> {
        let length = || value.as_str().map(|text| text.chars().count() as u64);
        let (number, bound) = (value.as_i64(), rule.as_i64());
        Ok(match keyword {
            "type" => is_of(value, rule),
            "const" => value == rule,
            "pattern" => value.as_str().is_none_or(|text| Regex::new(rule.as_str().unwrap()).unwrap().is_match(text)),
            "minLength" => length().is_none_or(|length| length >= rule.as_u64().unwrap()),
            "maxLength" => length().is_none_or(|length| length <= rule.as_u64().unwrap()),
            "minimum" => number.is_none_or(|number| number >= bound.unwrap()),
            "maximum" => number.is_none_or(|number| number <= bound.unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
            "required" => {
                value.as_object().is_none_or(|map| strings(rule).iter().all(|key| map.contains_key(key.as_str())))
            }
            "additionalProperties" => {
                assert_eq!(rule, false, "only false is known");
                let known = |key: &String| schema["properties"].get(key).is_some();
                value.as_object().is_none_or(|map| map.keys().all(known))
            }
            "properties" => {
                for (key, rule) in rule.as_object().unwrap() {
                    value.get(key).map_or(Ok(()), |value| self.check(rule, value))?;
                }
                true
            }
            "items" => {
                value.as_array().into_iter().flatten().try_for_each(|item| self.check(rule, item))?;
                true
            }
            "oneOf" => rule.as_array().unwrap().iter().filter(|rule| self.check(rule, value).is_ok()).count() == 1,
            _ if SILENT.contains(&keyword) => true,
            _ => panic!("the keyword {keyword} is not known to this check"),
        })
    }

    /// Any value that fits a schema.
    pub(super) fn any(&self, schema: &Value) -> BoxedStrategy<Value> {
        let schema = self.resolve(schema);
        if let Some(choices) = schema["oneOf"].as_array() {
            return Union::new(choices.iter().map(|choice| self.any(choice))).boxed();
        }
        if let Some(kinds) = schema["type"].as_array() {
            let of_kind = |kind: &Value| {
                let mut schema = schema.clone();
                schema["type"] = kind.clone();
                self.any(&schema)
            };
            return Union::new(kinds.iter().map(of_kind)).boxed();
        }
        match schema["type"].as_str().unwrap() {
            "null" => Just(Value::Null).boxed(),
            "object" => self.any_object(schema),
            "array" => prop::collection::vec(self.any(&schema["items"]), 0..5).prop_map(Value::from).boxed(),
            "string" => any_text(schema).prop_map(Value::from).boxed(),
            "boolean" => any::<bool>().prop_map(Value::from).boxed(),
            "integer" => {
                let bound = |name: &str, default| schema[name].as_i64().unwrap_or(default);
                (bound("minimum", 0)..=bound("maximum", 1000)).prop_map(Value::from).boxed()
            }
            kind => panic!("nothing is made of the type {kind}"),
        }
    }

    fn any_object(&self, schema: &Value) -> BoxedStrategy<Value> {
        let required = strings(&schema["required"]);
        let mut map = Just(Map::new()).boxed();
        for (key, rule) in schema["properties"].as_object().into_iter().flatten() {
            let value = match required.contains(key) {
                true => self.any(rule).prop_map(Some).boxed(),
                false => prop::option::of(self.any(rule)).boxed(),
            };
            let key = key.clone();
            map = (map, value).prop_map(move |(map, value)| with(map, &key, value)).boxed();
        }
        if schema.get("additionalProperties").is_none() {
            map = (map, prop::option::of(anything())).prop_map(|(map, value)| with(map, "more", value)).boxed();
        }
        map.prop_map(Value::Object).boxed()
    }
}

fn with(mut map: Map<String, Value>, key: &str, value: Option<Value>) -> Map<String, Value> {
    value.map(|value| map.insert(key.to_owned(), value));
    map
}

fn any_text(schema: &Value) -> BoxedStrategy<String> {
    let (least, most) = (schema["minLength"].as_u64().unwrap_or(0), schema["maxLength"].as_u64().unwrap_or(20));
    let fits = move |text: &String| (least..=most).contains(&(text.chars().count() as u64));
    let pattern = schema["pattern"].as_str().map_or("[ -~éß\n]{0,20}", |pattern| {
        pattern.strip_prefix('^').and_then(|pattern| pattern.strip_suffix('$')).expect("patterns hold for the whole")
    });
    string_regex(pattern).unwrap().prop_filter("its length fits", fits).boxed()
}

/// Any JSON.
pub(super) fn anything() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(|number: f64| json!(number)),
        ".{0,10}".prop_map(Value::from),
    ];
    let nested = |inner: BoxedStrategy<Value>| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z$]{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    };
    leaf.prop_recursive(3, 16, 4, move |inner| nested(inner.boxed())).boxed()
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn is_of(value: &Value, kind: &Value) -> bool {
    let is = |kind: &Value| match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the type {other} is not known to this check"),
    };
    kind.as_array().map_or_else(|| is(kind), |kinds| kinds.iter().any(is))
}
