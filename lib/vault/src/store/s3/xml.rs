//! The XML of S3's answers as a tree: elements and text, nothing else. What a storage sends is not trusted: no
//! document type, no entities but XML's own five, no depth without end. Attributes and namespaces carry nothing here
//! and are passed over.

/// Elements within elements; S3 needs four.
const DEEPEST: usize = 16;

/// An element without its attributes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Element {
    /// Without its namespace.
    pub name: String,
    /// All text directly in it.
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    /// The children of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of this name.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        let child = self.children.iter().find(|child| child.name == name)?;
        Some(child.text.trim())
    }
}

/// Text as it may stand in an element.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The one element of a document.
///
/// # Errors
/// It is not XML, or more of XML than S3 uses.
pub(super) fn parse(text: &str) -> Result<Element, &'static str> {
    let mut rest = text.trim_start_matches('\u{feff}');
    // The outermost stands for the document.
    let mut open = vec![Element::default()];
    while !rest.is_empty() {
        let Some(after) = rest.strip_prefix('<') else {
            let end = rest.find('<').unwrap_or(rest.len());
            add_text(&mut open, &rest[..end])?;
            rest = &rest[end..];
            continue;
        };
        rest = if let Some(after) = after.strip_prefix('?') {
            after_mark(after, "?>")?.1
        } else if let Some(after) = after.strip_prefix("!--") {
            after_mark(after, "-->")?.1
        } else if let Some(after) = after.strip_prefix("![CDATA[") {
            let (data, after) = after_mark(after, "]]>")?;
            open.last_mut()
                .ok_or("an end without a beginning")?
                .text
                .push_str(data);
            after
        } else if after.starts_with('!') {
            return Err("a document type");
        } else if let Some(after) = after.strip_prefix('/') {
            let (name, after) = after_mark(after, ">")?;
            close(&mut open, local(name.trim_end()))?;
            after
        } else {
            let (tag, after) = tag(after)?;
            let is_empty = tag.ends_with('/');
            let name = tag
                .split(|letter: char| letter.is_whitespace() || letter == '/')
                .next()
                .unwrap_or_default();
            if name.is_empty() {
                return Err("an element without a name");
            }
            if open.len() > DEEPEST {
                return Err("elements too deep in elements");
            }
            open.push(Element {
                name: local(name).to_owned(),
                ..Element::default()
            });
            if is_empty {
                close(&mut open, local(name))?;
            }
            after
        };
    }
    let [document] = open.as_mut_slice() else {
        return Err("an element without an end");
    };
    match document.children.len() {
        1 if document.text.trim().is_empty() => Ok(document.children.remove(0)),
        1 => Err("text outside of elements"),
        _ => Err("not one element"),
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn after_mark<'a>(text: &'a str, mark: &str) -> Result<(&'a str, &'a str), &'static str> {
    text.split_once(mark).ok_or("it ends too early")
}

/// Up to the end of a tag, which is not one within quotes.
fn tag(text: &str) -> Result<(&str, &str), &'static str> {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (None, '>') => return Ok((&text[..at], &text[at + 1..])),
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            _ => {}
        }
    }
    Err("it ends too early")
}

fn close(open: &mut Vec<Element>, name: &str) -> Result<(), &'static str> {
    let element = open.pop().filter(|element| element.name == name);
    let (Some(element), Some(parent)) = (element, open.last_mut()) else {
        return Err("an end without a beginning");
    };
    parent.children.push(element);
    Ok(())
}

fn add_text(open: &mut [Element], text: &str) -> Result<(), &'static str> {
    let into = &mut open.last_mut().ok_or("an end without a beginning")?.text;
    let mut pieces = text.split('&');
    into.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (entity, text) = piece.split_once(';').ok_or("an entity without an end")?;
        into.push(letter(entity).ok_or("an unknown entity")?);
        into.push_str(text);
    }
    Ok(())
}

fn letter(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_answer_becomes_a_tree() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- > --><s3:Result xmlns:s3="http://s3.amazonaws.com/?a>b"><Empty/><Empty a='/>' />
 <Key>a&amp;b&#x20;&#99;</Key><Key><![CDATA[<x>&]]></Key ></s3:Result>
"#;
        let root = parse(text).unwrap();
        assert_eq!(root.name, "Result");
        assert_eq!(root.all("Empty").count(), 2);
        let keys: Vec<_> = root.all("Key").map(|key| key.text.as_str()).collect();
        assert_eq!(keys, ["a&b c", "<x>&"]);
        assert_eq!(root.text_of("Key"), Some("a&b c"));
        assert_eq!(root.text_of("Missing"), None);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for text in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><b/>",
            "<a/>text",
            "<a>&nbsp;</a>",
            "<a>&amp</a>",
            "<a>&#xd800;</a>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            "<a b='>",
            "< a/>",
            "<a><![CDATA[</a>",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"<a>".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn text_survives(text in "\\PC{0,40}") {
            let root = parse(&format!("<a>{}</a>", escape(&text))).unwrap();
            prop_assert_eq!(root.text, text);
        }

        #[test]
        fn nothing_breaks_it(text in "(</?a/?>|<!--|-->|<!\\[CDATA\\[|\\]\\]>|&(amp|#x?[0-9]{1,9});|[<>&'\"=/!? ]|\\PC){0,40}") {
            let _ = parse(&text);
        }
    }
}
