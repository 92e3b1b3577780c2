//! The file in which AWS's tools keep keys: sections of `name = value`. Pure.

use zeroize::Zeroizing;

use super::Credentials;

/// The credentials of a section.
///
/// # Errors
/// What is missing, in words.
pub(super) fn find(text: &str, profile: &str) -> Result<Credentials, String> {
    let mut inside = false;
    let mut found = false;
    let (mut access_key, mut secret_key, mut session_token) = (None, None, None);
    for line in text.lines() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[').and_then(|it| it.split_once(']')) {
            inside = section.0.trim() == profile;
            found |= inside;
        }
        let Some((name, value)) = line.split_once('=').filter(|_| inside) else {
            continue;
        };
        let value = Some(value.trim()).filter(|value| !value.is_empty());
        match name.trim_end().to_ascii_lowercase().as_str() {
            "aws_access_key_id" => access_key = value,
            "aws_secret_access_key" => secret_key = value,
            "aws_session_token" => session_token = value,
            _ => {}
        }
    }
    let (access_key, secret_key) = match (access_key, secret_key) {
        _ if !found => return Err(format!("it has no profile '{profile}'")),
        (Some(access_key), Some(secret_key)) => (access_key, secret_key),
        (None, _) => return Err(lacking(profile, "aws_access_key_id")),
        (_, None) => return Err(lacking(profile, "aws_secret_access_key")),
    };
    Ok(Credentials {
        access_key: access_key.to_owned(),
        secret_key: Zeroizing::new(secret_key.to_owned()),
        session_token: session_token.map(|token| Zeroizing::new(token.to_owned())),
        expires: None,
    })
}

fn lacking(profile: &str, name: &str) -> String {
    format!(
        "its profile '{profile}' has no {name}; for SSO, roles and processes set the variables that \
         'aws configure export-credentials' prints"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "\
# keys
[default]
aws_access_key_id = AKIDEFAULT
aws_secret_access_key=se/cr+et=
; and one that is temporary
[ other ]
AWS_ACCESS_KEY_ID = AKIOTHER
aws_secret_access_key = secret
aws_session_token = token==
[sso]
sso_session = x
[half]
aws_access_key_id = AKIHALF
aws_secret_access_key =
";

    #[test]
    fn a_profile_is_found_with_what_it_has() {
        let found = find(FILE, "default").unwrap();
        assert_eq!(found.access_key, "AKIDEFAULT");
        assert_eq!(*found.secret_key, "se/cr+et=");
        assert!(found.session_token.is_none());
        let found = find(FILE, "other").unwrap();
        assert_eq!(found.access_key, "AKIOTHER");
        assert_eq!(**found.session_token.as_ref().unwrap(), "token==");
    }

    #[test]
    fn what_is_missing_is_said() {
        let cases = [
            ("none", "it has no profile 'none'"),
            ("sso", "its profile 'sso' has no aws_access_key_id; for SSO"),
            ("half", "its profile 'half' has no aws_secret_access_key"),
        ];
        for (profile, expected) in cases {
            let said = find(FILE, profile).unwrap_err();
            assert!(said.starts_with(expected), "{said}");
        }
    }

    proptest! {
        #[test]
        fn no_file_breaks_it(text in "(\\[?default\\]?|aws_secret_access_key|aws_access_key_id|[=\\n ]|\\PC){0,40}") {
            let _ = find(&text, "default");
        }
    }
}
