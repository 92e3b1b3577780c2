//! Flags in TOML: each key is a long flag, `true` gives it alone, a list repeats it.

use std::ffi::OsString;

use toml::Value;

/// What a key says on the command line.
///
/// # Errors
/// Its value is a table or a list of lists.
pub fn flags(key: &str, value: &Value) -> Result<Vec<OsString>, String> {
    let values = match value {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let mut args = Vec::new();
    for value in values {
        match value {
            Value::Boolean(false) => {}
            Value::Boolean(true) => args.push(format!("--{key}").into()),
            value => args.push(format!("--{key}={}", scalar(key, value)?).into()),
        }
    }
    Ok(args)
}

/// A single value as text.
///
/// # Errors
/// It is a table, a list or a truth value.
pub fn scalar(key: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        _ => Err(format!(
            "{key} is a text, a number, true, or a list of these"
        )),
    }
}
