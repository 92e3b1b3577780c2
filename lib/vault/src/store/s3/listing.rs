//! Pages of listings: ListObjectsV2 and ListMultipartUploads. Pure.

use jiff::Timestamp;

use super::xml::{Element, parse};

/// An object or an unfinished upload, with its whole key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub key: String,
    /// Bytes; none for an upload.
    pub size: u64,
    /// When it was stored or begun, in seconds since 1970.
    pub time: i64,
    /// What an upload is called; empty for an object.
    pub upload: String,
}

/// A page, and what to ask for the next with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub entries: Vec<Entry>,
    pub next: Vec<(&'static str, String)>,
}

/// A page of objects.
///
/// # Errors
/// In words: it is no such page.
pub(super) fn objects(body: &[u8]) -> Result<Page, String> {
    let root = root(body, "ListBucketResult")?;
    let entries = entries(&root, "Contents", "LastModified")?;
    let next = next(&root, &[("continuation-token", "NextContinuationToken")])?;
    Ok(Page { entries, next })
}

/// A page of uploads.
///
/// # Errors
/// In words: it is no such page.
pub(super) fn uploads(body: &[u8]) -> Result<Page, String> {
    let root = root(body, "ListMultipartUploadsResult")?;
    let entries = entries(&root, "Upload", "Initiated")?;
    let markers = [
        ("key-marker", "NextKeyMarker"),
        ("upload-id-marker", "NextUploadIdMarker"),
    ];
    let mut next = next(&root, &markers)?;
    if let Some((_, key)) = next.iter_mut().find(|(name, _)| *name == "key-marker") {
        *key = decoded(&root, key)?;
    }
    Ok(Page { entries, next })
}

fn root(body: &[u8], name: &str) -> Result<Element, String> {
    let text = std::str::from_utf8(body).map_err(|_| "a listing is no text".to_owned())?;
    let root = parse(text).map_err(|why| format!("a listing is no XML: {why}"))?;
    match root.name == name {
        true => Ok(root),
        false => Err(format!("a listing is a {}", root.name)),
    }
}

fn entries(root: &Element, name: &str, time: &str) -> Result<Vec<Entry>, String> {
    root.all(name)
        .map(|entry| {
            let text = |name| {
                entry
                    .text_of(name)
                    .ok_or_else(|| format!("a listing's entry has no {name}"))
            };
            let odd = |name, value| format!("a listing has the {name} '{value}'");
            let (key, when) = (text("Key")?, text(time)?);
            let (size, upload) = match name {
                "Upload" => (0, text("UploadId")?.to_owned()),
                _ => {
                    let size = text("Size")?;
                    let bytes = size.parse().map_err(|_| odd("Size", size))?;
                    (bytes, String::new())
                }
            };
            let parsed: Timestamp = when.parse().map_err(|_| odd(time, when))?;
            Ok(Entry {
                key: decoded(root, key)?,
                size,
                time: parsed.as_second(),
                upload,
            })
        })
        .collect()
}

/// What the next page is asked for with; nothing after the last.
fn next(
    root: &Element,
    names: &[(&'static str, &str)],
) -> Result<Vec<(&'static str, String)>, String> {
    if root.text_of("IsTruncated") != Some("true") {
        return Ok(Vec::new());
    }
    let next: Vec<_> = names
        .iter()
        .filter_map(|(name, element)| Some((*name, root.text_of(element)?.to_owned())))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    match next.is_empty() {
        true => Err("a listing goes on and does not say where".to_owned()),
        false => Ok(next),
    }
}

/// A key as it is, where the storage did as it was asked and encoded it.
fn decoded(root: &Element, key: &str) -> Result<String, String> {
    if root.text_of("EncodingType") != Some("url") {
        return Ok(key.to_owned());
    }
    let wrong = || format!("a listing has the key '{key}'");
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [
                    rest.next().ok_or_else(wrong)?,
                    rest.next().ok_or_else(wrong)?,
                ];
                let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(wrong);
                u8::try_from(digit(digits[0])? << 4 | digit(digits[1])?).map_err(|_| wrong())?
            }
            // As forms have it; a plus sign comes as %2B.
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_of_objects_names_them_and_the_next() {
        let text = "<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Name>b</Name>\
            <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
            <NextContinuationToken>1/+=</NextContinuationToken>\
            <Contents><Key>a/b%20c+d%2B%C3%A4</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>\
            <ETag>&quot;x&quot;</ETag><Size>434234</Size></Contents></ListBucketResult>";
        let page = objects(text.as_bytes()).unwrap();
        let entry = Entry {
            key: "a/b c d+ä".to_owned(),
            size: 434_234,
            time: 1_255_369_830,
            upload: String::new(),
        };
        assert_eq!(page.entries, [entry]);
        assert_eq!(page.next, [("continuation-token", "1/+=".to_owned())]);
    }

    #[test]
    fn keys_that_were_not_encoded_are_not_decoded() {
        let text = "<ListBucketResult><Contents><Key>a+%41</Key><LastModified>2009-10-12T17:50:30Z</LastModified>\
            <Size>0</Size></Contents></ListBucketResult>";
        let page = objects(text.as_bytes()).unwrap();
        assert_eq!(page.entries[0].key, "a+%41");
        assert!(page.next.is_empty());
    }

    #[test]
    fn a_page_of_uploads_names_them() {
        let text = "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>\
            <NextUploadIdMarker>u</NextUploadIdMarker><Upload><Key>k</Key><UploadId>u</UploadId>\
            <Initiated>2010-11-10T20:48:33.000Z</Initiated></Upload></ListMultipartUploadsResult>";
        let page = uploads(text.as_bytes()).unwrap();
        assert_eq!(page.entries[0].upload, "u");
        assert_eq!(page.entries[0].time, 1_289_422_113);
        let markers = [
            ("key-marker", "k".to_owned()),
            ("upload-id-marker", "u".to_owned()),
        ];
        assert_eq!(page.next, markers);
    }

    #[test]
    fn what_is_no_page_is_said() {
        for (text, expected) in [
            ("<Other/>", "a listing is a Other"),
            ("<", "a listing is no XML: it ends too early"),
            (
                "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
                "a listing goes on and does not say where",
            ),
            (
                "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
                "a listing's entry has no LastModified",
            ),
        ] {
            assert_eq!(objects(text.as_bytes()).unwrap_err(), expected);
        }
        for key in ["%", "%4", "%zz", "%ff"] {
            let root = parse("<a><EncodingType>url</EncodingType></a>").unwrap();
            assert!(decoded(&root, key).is_err(), "{key}");
        }
    }

    proptest! {
        #[test]
        fn keys_come_back(key in "\\PC{1,40}") {
            let root = parse("<a><EncodingType>url</EncodingType></a>").unwrap();
            prop_assert_eq!(decoded(&root, &ce_net::sigv4::encode(&key)).unwrap(), key);
        }
    }
}
