//! Who comes: the three ways to log in to an OpenStack, and what they answer.

use std::fmt;
use std::io;

use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::store::http::{Call, Client, Fault, Reply, bare};

/// How to log in. Every address is that of the identity service, with or without its version.
#[derive(Debug, Clone)]
pub enum Login {
    /// TempAuth and its like: user and key in headers, `http://host:8080/auth/v1.0`.
    V1 {
        /// Where.
        url: String,
        /// As `account:user`.
        user: String,
        /// Its key.
        key: Secret,
    },
    /// Identity API 2.0, which Rackspace speaks: <https://identity.api.rackspacecloud.com/v2.0>.
    V2 {
        /// Where.
        url: String,
        /// The user's name.
        user: String,
        /// The password.
        secret: Secret,
        /// Whether the secret is a Rackspace API key.
        is_api_key: bool,
        /// The tenant's name, where there are several.
        tenant: Option<String>,
        /// Which of the places that offer storage.
        place: Place,
    },
    /// Identity API 3.
    V3 {
        /// Where.
        url: String,
        /// Who.
        user: User,
        /// For what, unless an application credential says it.
        scope: Option<Scope>,
        /// Which of the places that offer storage.
        place: Place,
    },
}

/// Which of the places that a catalogue offers.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The region's name; may be left out where there is one.
    pub region: Option<String>,
    /// From where it is reached.
    pub interface: Interface,
}

/// From where a storage is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Interface {
    /// From anywhere.
    #[default]
    Public,
    /// From the provider's own network, which often costs nothing.
    Internal,
    /// For administrators.
    Admin,
}

/// A user of identity API 3.
#[derive(Debug, Clone)]
pub enum User {
    /// By name in a domain, with a password.
    Name {
        /// The user's name.
        name: String,
        /// The domain's name.
        domain: String,
        /// The password.
        password: Secret,
    },
    /// By id, with a password.
    Id {
        /// The user's id.
        id: String,
        /// The password.
        password: Secret,
    },
    /// An application credential by its id.
    Application {
        /// The credential's id.
        id: String,
        /// Its secret.
        secret: Secret,
    },
}

/// A project of identity API 3.
#[derive(Debug, Clone)]
pub enum Scope {
    /// By name in a domain.
    Name {
        /// The project's name.
        name: String,
        /// The domain's name.
        domain: String,
    },
    /// By id.
    Id(String),
}

/// A password, forgotten when it is dropped and never shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps this.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(Zeroizing::new(text.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Where the storage is, and what opens it for a while.
#[derive(Debug)]
pub struct Account {
    pub(super) url: String,
    pub(super) token: Zeroizing<String>,
}

#[derive(Deserialize)]
struct V2Answer {
    access: V2Access,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V2Access {
    token: V2Token,
    #[serde(default)]
    service_catalog: Vec<Service>,
}

#[derive(Deserialize)]
struct V2Token {
    id: String,
}

#[derive(Deserialize)]
struct V3Answer {
    token: V3Token,
}

#[derive(Deserialize)]
struct V3Token {
    #[serde(default)]
    catalog: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

/// In the words of both versions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    region: Option<String>,
    #[serde(rename = "region_id")]
    region_id: Option<String>,
    #[serde(rename = "publicURL")]
    public_url: Option<String>,
    #[serde(rename = "internalURL")]
    internal_url: Option<String>,
    #[serde(rename = "adminURL")]
    admin_url: Option<String>,
    interface: Option<String>,
    url: Option<String>,
}

impl Endpoint {
    fn region(&self) -> &str {
        self.region
            .as_deref()
            .or(self.region_id.as_deref())
            .unwrap_or_default()
    }

    fn url(&self, interface: Interface) -> Option<&str> {
        let (word, old) = match interface {
            Interface::Public => ("public", &self.public_url),
            Interface::Internal => ("internal", &self.internal_url),
            Interface::Admin => ("admin", &self.admin_url),
        };
        match &self.interface {
            Some(own) if own == word => self.url.as_deref(),
            Some(_) => None,
            None => old.as_deref(),
        }
    }
}

impl Login {
    /// Logs in: one request.
    pub(super) fn account(&self, client: &Client) -> Result<Account, Fault> {
        match self {
            Login::V1 { url, user, key } => {
                let call = Call {
                    method: "GET",
                    url: url.clone(),
                    headers: vec![
                        ("x-auth-user", user.clone()),
                        ("x-auth-key", key.0.to_string()),
                    ],
                    body: &[],
                };
                let reply = answer(client, &call)?;
                let said = |name: &str| {
                    reply.header(name).map(str::to_owned).ok_or_else(|| {
                        wrong(
                            url,
                            format!("the answer has no {name}: is this identity API 1?"),
                        )
                    })
                };
                Ok(Account {
                    url: said("x-storage-url")?.trim_end_matches('/').to_owned(),
                    token: Zeroizing::new(said("x-auth-token")?),
                })
            }
            Login::V2 {
                url,
                user,
                secret,
                is_api_key,
                tenant,
                place,
            } => {
                let mut auth = if *is_api_key {
                    json!({ "RAX-KSKEY:apiKeyCredentials": { "username": user, "apiKey": *secret.0 } })
                } else {
                    json!({ "passwordCredentials": { "username": user, "password": *secret.0 } })
                };
                if let Some(tenant) = tenant {
                    auth["tenantName"] = json!(tenant);
                }
                let reply = post(
                    client,
                    &versioned(url, "/v2.0", "/tokens"),
                    &json!({ "auth": auth }),
                )?;
                let access = read::<V2Answer>(url, &reply)?.access;
                Ok(Account {
                    url: pick(url, &access.service_catalog, place)?,
                    token: Zeroizing::new(access.token.id),
                })
            }
            Login::V3 {
                url,
                user,
                scope,
                place,
            } => {
                let mut auth = json!({ "identity": user.identity() });
                if let Some(scope) = scope {
                    auth["scope"] = json!({ "project": match scope {
                        Scope::Id(id) => json!({ "id": id }),
                        Scope::Name { name, domain } => json!({ "name": name, "domain": { "name": domain } }),
                    } });
                }
                let reply = post(
                    client,
                    &versioned(url, "/v3", "/auth/tokens"),
                    &json!({ "auth": auth }),
                )?;
                let token = reply.header("x-subject-token").map(str::to_owned);
                let token = token.ok_or_else(|| {
                    wrong(url, "the answer has no token: is this identity API 3?")
                })?;
                let catalog = read::<V3Answer>(url, &reply)?.token.catalog;
                Ok(Account {
                    url: pick(url, &catalog, place)?,
                    token: Zeroizing::new(token),
                })
            }
        }
    }
}

impl User {
    fn identity(&self) -> Value {
        match self {
            User::Name {
                name,
                domain,
                password,
            } => json!({
                "methods": ["password"],
                "password": { "user": { "name": name, "domain": { "name": domain }, "password": *password.0 } },
            }),
            User::Id { id, password } => json!({
                "methods": ["password"],
                "password": { "user": { "id": id, "password": *password.0 } },
            }),
            User::Application { id, secret } => json!({
                "methods": ["application_credential"],
                "application_credential": { "id": id, "secret": *secret.0 },
            }),
        }
    }
}

/// The address of a call, whether the version stands in `url` already or not.
fn versioned(url: &str, version: &str, path: &str) -> String {
    let base = url.trim_end_matches('/');
    match base.strip_suffix(version) {
        Some(_) => format!("{base}{path}"),
        None => format!("{base}{version}{path}"),
    }
}

fn post(client: &Client, url: &str, body: &Value) -> Result<Reply, Fault> {
    let body = Zeroizing::new(body.to_string());
    let call = Call {
        method: "POST",
        url: url.to_owned(),
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("accept", "application/json".to_owned()),
        ],
        body: body.as_bytes(),
    };
    answer(client, &call)
}

fn answer(client: &Client, call: &Call<'_>) -> Result<Reply, Fault> {
    let reply = client.send(call)?;
    match reply.status {
        200..=299 => Ok(reply),
        401 | 403 => Err(Fault::lasting(
            io::ErrorKind::PermissionDenied,
            format!(
                "{} does not take these credentials ({})",
                bare(&call.url),
                reply.status
            ),
        )),
        _ => Err(reply.fault(call)),
    }
}

fn read<T: for<'a> Deserialize<'a>>(url: &str, reply: &Reply) -> Result<T, Fault> {
    serde_json::from_slice(&reply.body).map_err(|error| {
        wrong(
            url,
            format!("the answer is not what an identity service says: {error}"),
        )
    })
}

fn wrong(url: &str, words: impl fmt::Display) -> Fault {
    Fault::lasting(
        io::ErrorKind::InvalidData,
        format!("{}: {words}", bare(url)),
    )
}

/// The address of the object store in a catalogue.
fn pick(url: &str, catalog: &[Service], place: &Place) -> Result<String, Fault> {
    let offered: Vec<(&str, &str)> = catalog
        .iter()
        .filter(|service| service.kind == "object-store")
        .flat_map(|service| &service.endpoints)
        .filter_map(|endpoint| Some((endpoint.region(), endpoint.url(place.interface)?)))
        .collect();
    let matching: Vec<_> = offered
        .iter()
        .filter(|(region, _)| {
            place
                .region
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(region))
        })
        .collect();
    let regions = || {
        let names: Vec<&str> = offered.iter().map(|(region, _)| *region).collect();
        names.join(", ")
    };
    match (matching.as_slice(), &place.region) {
        ([(_, storage)], _) => Ok(storage.trim_end_matches('/').to_owned()),
        ([], _) if offered.is_empty() => Err(wrong(url, "this user has no object store there")),
        ([], Some(region)) => Err(wrong(
            url,
            format!("there is no region '{region}', only {}", regions()),
        )),
        _ => Err(wrong(
            url,
            format!("name a region: there are {}", regions()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(text: &str) -> Vec<Service> {
        serde_json::from_str(text).expect("a catalogue")
    }

    fn place(region: Option<&str>, interface: Interface) -> Place {
        Place {
            region: region.map(str::to_owned),
            interface,
        }
    }

    #[test]
    fn a_catalogue_of_either_version_names_the_store_of_a_region() {
        let old = catalog(
            r#"[{"type":"rax:object-cdn","endpoints":[{"region":"ORD","publicURL":"https://cdn"}]},
                {"type":"object-store","endpoints":[
                  {"region":"ORD","publicURL":"https://ord/v1/a","internalURL":"https://snet-ord/v1/a"},
                  {"region":"LON","publicURL":"https://lon/v1/a/"}]}]"#,
        );
        let new = catalog(
            r#"[{"type":"object-store","endpoints":[
                  {"interface":"public","region_id":"one","region":"one","url":"https://one/v1/a"},
                  {"interface":"internal","region_id":"one","region":"one","url":"https://in/v1/a"}]}]"#,
        );
        let picked = |catalog: &[Service], region, interface| {
            pick("https://id", catalog, &place(region, interface))
                .map_err(|fault| fault.error.to_string())
        };
        use Interface::{Internal, Public};
        assert_eq!(
            picked(&old, Some("lon"), Public),
            Ok("https://lon/v1/a".into())
        );
        assert_eq!(
            picked(&old, Some("ORD"), Internal),
            Ok("https://snet-ord/v1/a".into())
        );
        assert_eq!(picked(&new, None, Public), Ok("https://one/v1/a".into()));
        assert_eq!(picked(&new, None, Internal), Ok("https://in/v1/a".into()));
        assert_eq!(
            picked(&old, None, Public),
            Err("https://id: name a region: there are ORD, LON".into())
        );
        assert_eq!(
            picked(&old, Some("DFW"), Public),
            Err("https://id: there is no region 'DFW', only ORD, LON".into())
        );
        assert!(picked(&[], None, Public).is_err());
    }

    #[test]
    fn an_address_is_completed_by_its_version() {
        for url in ["https://h:5000/v3", "https://h:5000/v3/", "https://h:5000"] {
            assert_eq!(
                versioned(url, "/v3", "/auth/tokens"),
                "https://h:5000/v3/auth/tokens"
            );
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(format!("{:?}", Secret::new("geheim")), "Secret");
    }
}
