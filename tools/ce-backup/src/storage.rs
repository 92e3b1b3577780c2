//! The storage that a repository's name stands for: a folder, or an object store with the credentials for it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ce_net::aws::{Provider, Source};
use ce_vault::store::s3::{Addressing, LockMode, ObjectLock, S3, S3Store};
use ce_vault::store::swift::{Interface, Login, Place, Scope, Secret, Swift, SwiftStore, User};
use ce_vault::store::{DirStore, Limit, Limits, Remote, Sftp, SftpStore, Store};
use clap::Args;
use serde::Deserialize;

use crate::fault::Fault;
use crate::settings::settings;

/// How a storage over a network is used.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct Network {
    /// Requests to a remote store at once [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub connections: Option<u16>,

    /// Send no more than this a second: 500K, 2M
    #[arg(long, value_name = "BYTES", value_parser = ce_cli::parse_bytes)]
    pub limit_upload: Option<u64>,

    /// Receive no more than this a second
    #[arg(long, value_name = "BYTES", value_parser = ce_cli::parse_bytes)]
    pub limit_download: Option<u64>,
}

impl Network {
    fn remote(&self, file: &NetworkSettings) -> Remote {
        let limit = |flag: Option<u64>, file: Option<u64>| flag.or(file).map(Limit::new);
        let usual = Remote::default();
        Remote {
            connections: self
                .connections
                .or(file.connections)
                .map_or(usual.connections, usize::from),
            limits: Arc::new(Limits {
                upload: limit(self.limit_upload, file.limit_upload.map(|Rate(rate)| rate)),
                download: limit(
                    self.limit_download,
                    file.limit_download.map(|Rate(rate)| rate),
                ),
            }),
            ca_file: file.ca_file.clone(),
            ..usual
        }
    }
}

/// `[network]` of the settings.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct NetworkSettings {
    pub connections: Option<u16>,
    pub limit_upload: Option<Rate>,
    pub limit_download: Option<Rate>,
    /// Certificates to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
}

/// Bytes a second, written as on the command line.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Rate(u64);

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        ce_cli::parse_bytes(&text).map(Rate)
    }
}

/// `[swift]` of the settings. What it leaves out is taken from the environment that OpenStack's own tools read.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SwiftSettings {
    auth_url: Option<String>,
    user: Option<String>,
    user_id: Option<String>,
    user_domain: Option<String>,
    password_file: Option<String>,
    api_key_file: Option<String>,
    application_credential_id: Option<String>,
    application_credential_secret_file: Option<String>,
    project: Option<String>,
    project_id: Option<String>,
    project_domain: Option<String>,
    region: Option<String>,
    interface: Option<String>,
}

/// `[s3]` of the settings. Credentials that it does not name are looked for where AWS's own tools look.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct S3Settings {
    region: Option<String>,
    credentials_file: Option<PathBuf>,
    profile: Option<String>,
    addressing: Option<AddressingWord>,
    storage_class: Option<String>,
    object_lock: Option<LockSettings>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AddressingWord {
    Path,
    VirtualHost,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LockSettings {
    mode: LockWord,
    days: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LockWord {
    Governance,
    Compliance,
}

/// `[sftp]` of the settings. What it leaves out is as ssh_config has it, or as usual with ssh.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SftpSettings {
    user: Option<String>,
    port: Option<u16>,
    #[serde(default)]
    identity_files: Vec<PathBuf>,
    passphrase_file: Option<PathBuf>,
    agent: Option<bool>,
    #[serde(default)]
    known_hosts: Vec<PathBuf>,
    #[serde(default)]
    jumps: Vec<String>,
    ssh_config: Option<PathBuf>,
}

/// The schemes that stand for no folder.
const SCHEMES: [&str; 3] = ["swift:", "s3:", "sftp:"];

/// Whether this names a storage over a network, or a repository of the settings.
pub(crate) fn is_named(name: &Path) -> bool {
    scheme(name).is_some() || known(name).is_some()
}

/// What stands before the first colon, when it looks like a scheme, and the rest.
fn scheme(name: &Path) -> Option<(&str, &str)> {
    let (scheme, rest) = name.to_str()?.split_once(':')?;
    let is_word = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_word.then_some((scheme, rest))
}

/// A repository's address, with the settings that hold for it.
struct Known {
    url: &'static Path,
    network: &'static NetworkSettings,
    swift: &'static SwiftSettings,
    s3: &'static S3Settings,
    sftp: &'static SftpSettings,
}

/// What the settings know under this name.
fn known(name: &Path) -> Option<Known> {
    let settings = settings();
    let own = settings.repository.get(name.to_str()?)?;
    Some(Known {
        url: &own.url,
        network: own.network.as_ref().unwrap_or(&settings.network),
        swift: own.swift.as_ref().unwrap_or(&settings.swift),
        s3: own.s3.as_ref().unwrap_or(&settings.s3),
        sftp: own.sftp.as_ref().unwrap_or(&settings.sftp),
    })
}

/// The address of the repository of this name in the settings, or the name itself.
pub(crate) fn address(name: &Path) -> &Path {
    known(name).map_or(name, |known| known.url)
}

/// The store that a repository's name stands for.
pub(crate) fn open(name: &Path, network: &Network) -> Result<Arc<dyn Store>, Fault> {
    let defaults = settings();
    let file = known(name).unwrap_or(Known {
        url: Path::new(""),
        network: &defaults.network,
        swift: &defaults.swift,
        s3: &defaults.s3,
        sftp: &defaults.sftp,
    });
    let name = address(name);
    let failed = |source: io::Error| {
        use io::ErrorKind::{InvalidData, InvalidInput, NotFound, PermissionDenied};
        let object = name.display();
        match source.kind() {
            NotFound | PermissionDenied | InvalidData | InvalidInput => {
                Fault::usage(format!("'{object}': {source}"))
            }
            _ => ce_vault::Error::Reach {
                object: object.to_string(),
                source,
            }
            .into(),
        }
    };
    match scheme(name) {
        None => Ok(Arc::new(DirStore::new(name))),
        Some(("swift", rest)) => {
            let swift = swift(rest, network.remote(file.network), file.swift, &|name| {
                std::env::var_os(name)
            })?;
            Ok(Arc::new(SwiftStore::open(swift).map_err(failed)?))
        }
        Some(("s3", rest)) => {
            let s3 = s3(rest, network.remote(file.network), file.s3, &|name| {
                std::env::var_os(name)
            })?;
            Ok(Arc::new(S3Store::open(s3).map_err(failed)?))
        }
        Some(("sftp", rest)) => Ok(Arc::new(SftpStore::new(sftp(
            rest,
            network.remote(file.network),
            file.sftp,
        )?))),
        Some((scheme, _)) => {
            let text = name.display();
            Err(Fault::with_hint(
                format!("'{text}': there is no kind of storage '{scheme}:'"),
                format!(
                    "there are {}; for a folder of that name write ./{text}",
                    SCHEMES.join(", ")
                ),
            ))
        }
    }
}

/// Where the credentials come from when the settings do not say.
type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// `s3:BUCKET[/FOLDER]` at AWS, `s3:https://HOST/BUCKET[/FOLDER]` elsewhere.
fn s3(rest: &str, remote: Remote, file: &S3Settings, env: Env<'_>) -> Result<S3, Fault> {
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| rest.starts_with(scheme));
    let (endpoint, path) = match scheme {
        Some(scheme) => {
            let at = &rest[scheme.len()..];
            let (host, path) = at.split_once('/').unwrap_or((at, ""));
            (Some(format!("{scheme}{host}")), path)
        }
        None => (None, rest),
    };
    let path = path.trim_matches('/');
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    if bucket.is_empty() {
        return Err(Fault::with_hint(
            format!("'s3:{rest}' names no bucket"),
            "write s3:BUCKET/FOLDER, or s3:https://HOST/BUCKET/FOLDER",
        ));
    }
    let region = file.region.clone().or_else(|| {
        ["AWS_REGION", "AWS_DEFAULT_REGION"]
            .iter()
            .find_map(|name| env(name)?.into_string().ok())
            .filter(|region| !region.is_empty())
    });
    let asked = |name: &str| match (name, &file.credentials_file, &file.profile) {
        // What the settings name goes before what the environment has.
        ("AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN", Some(_), _)
        | ("AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN", _, Some(_)) => None,
        ("AWS_SHARED_CREDENTIALS_FILE", Some(path), _) => Some(path.into()),
        ("AWS_PROFILE", _, Some(profile)) => Some(profile.into()),
        (name, ..) => env(name),
    };
    let source =
        Source::from_environment(&asked).map_err(|error| Fault::usage(error.to_string()))?;
    Ok(S3 {
        region: region.unwrap_or_else(|| "us-east-1".to_owned()),
        endpoint,
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        addressing: file.addressing.map(|addressing| match addressing {
            AddressingWord::Path => Addressing::Path,
            AddressingWord::VirtualHost => Addressing::VirtualHost,
        }),
        credentials: Arc::new(Provider::new(source)),
        object_lock: file.object_lock.as_ref().map(|lock| ObjectLock {
            mode: match lock.mode {
                LockWord::Governance => LockMode::Governance,
                LockWord::Compliance => LockMode::Compliance,
            },
            days: lock.days,
        }),
        storage_class: file.storage_class.clone(),
        remote,
    })
}

/// `sftp://[USER@]HOST[:PORT]/PATH`, or `sftp:[USER@]HOST:PATH` as scp(1) writes it.
fn sftp(rest: &str, remote: Remote, file: &SftpSettings) -> Result<Sftp, Fault> {
    let fault = || {
        Fault::with_hint(
            format!("'sftp:{rest}' names no host and folder"),
            "write sftp:USER@HOST:FOLDER or sftp://USER@HOST:PORT/FOLDER",
        )
    };
    let (place, path, port) = match rest.strip_prefix("//") {
        Some(rest) => {
            let (place, path) = rest.split_once('/').ok_or_else(fault)?;
            let (place, port) = match place.rsplit_once(':') {
                Some((place, port)) if !port.ends_with(']') => {
                    (place, Some(port.parse().map_err(|_| fault())?))
                }
                _ => (place, None),
            };
            (place, format!("/{path}"), port)
        }
        None => {
            let (place, path) = match rest.split_once("]:") {
                Some((place, path)) => (&rest[..=place.len()], path),
                None => rest.split_once(':').ok_or_else(fault)?,
            };
            (place, path.to_owned(), None)
        }
    };
    let (user, host) = match place.rsplit_once('@') {
        Some((user, host)) => (Some(user.to_owned()), host),
        None => (None, place),
    };
    if host.is_empty() || path.is_empty() {
        return Err(fault());
    }
    Ok(Sftp {
        user: user.or(file.user.clone()),
        port: port.or(file.port),
        identity_files: file.identity_files.clone(),
        passphrase_file: file.passphrase_file.clone(),
        agent: file.agent.unwrap_or(true),
        known_hosts: file.known_hosts.clone(),
        jumps: file.jumps.clone(),
        ssh_config: file.ssh_config.clone(),
        remote,
        ..Sftp::new(host.trim_matches(['[', ']']), path)
    })
}

fn swift(rest: &str, remote: Remote, file: &SwiftSettings, env: Env<'_>) -> Result<Swift, Fault> {
    let (container, prefix) = rest
        .trim_matches('/')
        .split_once('/')
        .unwrap_or((rest.trim_matches('/'), ""));
    if container.is_empty() {
        return Err(Fault::with_hint(
            format!("'swift:{rest}' names no container"),
            "write swift:CONTAINER or swift:CONTAINER/FOLDER",
        ));
    }
    Ok(Swift {
        login: login(file, env)?,
        container: container.to_owned(),
        prefix: prefix.trim_matches('/').to_owned(),
        remote,
    })
}

fn login(file: &SwiftSettings, env: Env<'_>) -> Result<Login, Fault> {
    let from = |own: &Option<String>, names: &[&str]| {
        own.clone().or_else(|| {
            let named = names
                .iter()
                .filter_map(|name| env(name)?.into_string().ok());
            named.into_iter().find(|value| !value.is_empty())
        })
    };
    let secret = |own: &Option<String>, names: &[&str]| -> Result<Option<Secret>, Fault> {
        match own {
            Some(source) => Ok(Some(Secret::new(ce_cli::Secret::load(source)?.expose()))),
            None => Ok(from(&None, names).map(Secret::new)),
        }
    };
    let missing = |what: &str, key: &str, variable: &str| {
        Fault::with_hint(
            format!("there is no {what} for Swift"),
            format!(
                "set {key} in [swift] of /etc/ce/backup.toml, or {variable} in the environment"
            ),
        )
    };
    let url = from(&file.auth_url, &["OS_AUTH_URL", "ST_AUTH"])
        .ok_or_else(|| missing("address to log in", "auth-url", "OS_AUTH_URL"))?;
    let place = Place {
        region: from(&file.region, &["OS_REGION_NAME"]),
        interface: interface(
            from(&file.interface, &["OS_INTERFACE", "OS_ENDPOINT_TYPE"]).as_deref(),
        )?,
    };
    let user = from(&file.user, &["OS_USERNAME", "ST_USER"]);
    let need_user = || {
        user.clone()
            .ok_or_else(|| missing("user", "user", "OS_USERNAME"))
    };
    let password = || -> Result<Secret, Fault> {
        secret(&file.password_file, &["OS_PASSWORD", "ST_KEY"])?
            .ok_or_else(|| missing("password", "password-file", "OS_PASSWORD"))
    };
    let version = url
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    if version == "v1" || version.starts_with("v1.") {
        return Ok(Login::V1 {
            user: need_user()?,
            key: password()?,
            url,
        });
    }
    if version.starts_with("v2") || file.api_key_file.is_some() {
        let api_key = secret(&file.api_key_file, &[])?;
        return Ok(Login::V2 {
            user: need_user()?,
            is_api_key: api_key.is_some(),
            secret: match api_key {
                Some(key) => key,
                None => password()?,
            },
            tenant: from(&file.project, &["OS_TENANT_NAME", "OS_PROJECT_NAME"]),
            url,
            place,
        });
    }
    let application = from(
        &file.application_credential_id,
        &["OS_APPLICATION_CREDENTIAL_ID"],
    );
    let (user, scope) = match application {
        Some(id) => {
            let source = &file.application_credential_secret_file;
            let secret =
                secret(source, &["OS_APPLICATION_CREDENTIAL_SECRET"])?.ok_or_else(|| {
                    let key = "application-credential-secret-file";
                    missing(
                        "secret of the application credential",
                        key,
                        "OS_APPLICATION_CREDENTIAL_SECRET",
                    )
                })?;
            (User::Application { id, secret }, None)
        }
        None => {
            let domain = |own: &Option<String>, names: &[&str]| {
                from(own, names).unwrap_or_else(|| "Default".to_owned())
            };
            let user = match from(&file.user_id, &["OS_USER_ID"]) {
                Some(id) => User::Id {
                    id,
                    password: password()?,
                },
                None => User::Name {
                    name: need_user()?,
                    domain: domain(&file.user_domain, &["OS_USER_DOMAIN_NAME"]),
                    password: password()?,
                },
            };
            let scope = match from(&file.project_id, &["OS_PROJECT_ID", "OS_TENANT_ID"]) {
                Some(id) => Some(Scope::Id(id)),
                None => from(&file.project, &["OS_PROJECT_NAME", "OS_TENANT_NAME"]).map(|name| {
                    Scope::Name {
                        name,
                        domain: domain(&file.project_domain, &["OS_PROJECT_DOMAIN_NAME"]),
                    }
                }),
            };
            (user, scope)
        }
    };
    Ok(Login::V3 {
        url,
        user,
        scope,
        place,
    })
}

fn interface(word: Option<&str>) -> Result<Interface, Fault> {
    match word.map(|word| word.trim_end_matches("URL")) {
        None | Some("public") => Ok(Interface::Public),
        Some("internal") => Ok(Interface::Internal),
        Some("admin") => Ok(Interface::Admin),
        Some(other) => Err(Fault::usage(format!(
            "'{other}' is no interface of Swift: public, internal or admin"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(file: &str, env: &[(&str, &str)]) -> Result<String, String> {
        let file: SwiftSettings = ce_cli::parse(Path::new("backup.toml"), file).expect("settings");
        let env = |name: &str| {
            env.iter()
                .find(|(own, _)| *own == name)
                .map(|(_, value)| value.into())
        };
        login(&file, &env)
            .map(|login| format!("{login:?}"))
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_address_and_the_settings_say_how_to_log_in() {
        let v1 = logged(
            "auth-url = 'http://h/auth/v1.0'",
            &[("ST_USER", "a:b"), ("ST_KEY", "k")],
        );
        assert!(
            v1.expect("a login")
                .starts_with("V1 { url: \"http://h/auth/v1.0\", user: \"a:b\"")
        );
        let v3 = logged(
            "auth-url = 'https://h:5000'\nproject = 'p'",
            &[
                ("OS_USERNAME", "u"),
                ("OS_PASSWORD", "k"),
                ("OS_REGION_NAME", "r"),
            ],
        )
        .expect("a login");
        assert!(
            v3.contains("Name { name: \"u\", domain: \"Default\""),
            "{v3}"
        );
        assert!(v3.contains("region: Some(\"r\")"), "{v3}");
        let application = logged(
            "auth-url = 'https://h/v3'\napplication-credential-id = 'i'",
            &[("OS_APPLICATION_CREDENTIAL_SECRET", "s")],
        );
        assert!(
            application
                .expect("a login")
                .contains("Application { id: \"i\"")
        );
        assert_eq!(
            logged("", &[]),
            Err("there is no address to log in for Swift".into())
        );
        assert_eq!(
            logged("auth-url = 'https://h/v2.0'\nuser = 'u'", &[]),
            Err("there is no password for Swift".into())
        );
    }

    #[test]
    fn a_folder_of_another_host_is_written_in_either_way() {
        for (rest, user, host, port, path) in [
            ("backup@h:/srv/b", Some("backup"), "h", None, "/srv/b"),
            ("h:b", None, "h", None, "b"),
            ("//u@h:2222/srv", Some("u"), "h", Some(2222), "/srv"),
            ("//[::1]:22/x", None, "::1", Some(22), "/x"),
            ("[::1]:/x", None, "::1", None, "/x"),
        ] {
            let sftp = sftp(rest, Remote::default(), &SftpSettings::default())
                .map_err(|fault| fault.to_string())
                .expect("a place");
            let found = (
                sftp.user.as_deref(),
                sftp.host.as_str(),
                sftp.port,
                sftp.path.as_str(),
            );
            assert_eq!(found, (user, host, port, path), "{rest}");
        }
        for rest in ["", "h", "//h", "@h", ":x", "//h:x/y"] {
            assert!(
                sftp(rest, Remote::default(), &SftpSettings::default()).is_err(),
                "{rest}"
            );
        }
    }

    #[test]
    fn schemes_are_known_and_folders_with_colons_are_folders() {
        for (name, remote) in [
            ("swift:c", true),
            ("s3:b/p", true),
            ("./a:b", false),
            ("/srv/x", false),
        ] {
            assert_eq!(is_named(Path::new(name)), remote, "{name}");
        }
    }
}
