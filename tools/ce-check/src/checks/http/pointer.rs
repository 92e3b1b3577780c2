//! Tests of a JSON body: `/a/b` is there, `/a/b=VALUE` is this, `/a/b=10:20` lies in a range (pointers of RFC 6901).

use std::str::FromStr;

use ce_record::Range;
use serde_json::Value;

use super::message::excerpt;

/// One test of a JSON body.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PointerTest {
    pointer: String,
    wanted: Option<String>,
}

impl FromStr for PointerTest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A key that has an equals sign in it is reached by the last one.
        let (pointer, wanted) = match text.split_once('=') {
            Some((pointer, wanted)) => (pointer, Some(wanted.to_owned())),
            None => (text, None),
        };
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(format!(
                "'{pointer}' is no JSON pointer: it begins with '/'"
            ));
        }
        let escapes = pointer.split('~').skip(1);
        if escapes
            .into_iter()
            .any(|rest| !rest.starts_with(['0', '1']))
        {
            return Err(format!(
                "'{pointer}' is no JSON pointer: write ~0 for ~ and ~1 for /"
            ));
        }
        Ok(Self {
            pointer: pointer.to_owned(),
            wanted,
        })
    }
}

impl PointerTest {
    /// What is wrong with this body; `None` when nothing is.
    pub(super) fn fault(&self, body: &Value) -> Option<String> {
        let Some(found) = body.pointer(&self.pointer) else {
            return Some(format!("JSON has nothing at {}", self.pointer));
        };
        let wanted = self.wanted.as_deref()?;
        let fits = match found {
            Value::String(text) => {
                text == wanted || number(text).is_some_and(|value| within(value, wanted))
            }
            Value::Number(value) => {
                let value = value.as_f64().unwrap_or(f64::NAN);
                wanted.parse() == Ok(value) || within(value, wanted)
            }
            other => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| wanted == *other),
        };
        (!fits).then(|| {
            let found = match found {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            format!("JSON {} is {}, not {wanted}", self.pointer, excerpt(&found))
        })
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// A range only where it looks like one: a plain number is meant to be equal.
fn within(value: f64, wanted: &str) -> bool {
    let is_range = wanted.contains([':', '@']);
    is_range
        && wanted
            .parse::<Range>()
            .is_ok_and(|range| !range.alerts(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_compared_as_what_they_are_and_numbers_by_range_too() {
        let body = json!({"a": {"b": [1, 2.5]}, "s": "up", "n": "7", "t": true, "z": null, "x/y": {"~": 3}});
        for (test, fine) in [
            ("/a/b/0=1", true),
            ("/a/b/0=1.0", true),
            ("/a/b/0=2", false),
            ("/a/b/1=2:3", true),
            ("/a/b/1=3:", false),
            ("/a/b/1=@2:3", false),
            ("/s=up", true),
            ("/s=down", false),
            ("/s", true),
            ("/n=5:8", true),
            ("/n=8:", false),
            ("/t=true", true),
            ("/t=false", false),
            ("/z=null", true),
            ("/x~1y/~0=3", true),
            ("/nope", false),
            ("/a/b/9=1", false),
            ("/a/b=[1,2.5]", true),
            ("", true),
        ] {
            let test: PointerTest = test.parse().unwrap();
            assert_eq!(test.fault(&body).is_none(), fine, "{test:?}");
        }
    }

    #[test]
    fn what_is_no_pointer_is_refused_before_anything_is_sent() {
        for text in ["a/b=1", "/a~2", "/a~"] {
            assert!(text.parse::<PointerTest>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(test in ".{0,30}", body in ".{0,60}") {
            let body = serde_json::from_str::<Value>(&body).unwrap_or(Value::Null);
            if let Ok(test) = test.parse::<PointerTest>() {
                let _ = test.fault(&body);
            }
        }
    }
}
