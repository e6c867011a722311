//! A certificate of a public authority, ordered by ACME (RFC 8555) and renewed long before its end. That the names lead here is proven by the
//! handshake itself (TLS-ALPN-01, RFC 8737), so the authority needs no port but the one of TLS, and nothing else has to be served.

use super::{
    CertificateError,
    acme_http::{Http, chain},
    acme_plan::Plan,
    files,
};
use crate::{
    hooks::url::Address,
    plain_file,
    sync::lock,
    time::{Span, WallTime},
    users::read_secret,
};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::{
    client::verify_server_name,
    crypto::ring::sign::any_supported_type,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
    server::ParsedCertificate,
    sign::CertifiedKey,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{task::spawn_blocking, time::timeout};

/// What the authority speaks when it looks for the proof (RFC 8737 §6.2).
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";
/// Below the folder of what is kept for TLS; in it one of each authority, for what one of them gave says nothing to another.
const FOLDER: &str = "acme";
/// The account at the authority, with its key.
const ACCOUNT: &str = "account.json";
/// The certificate, those that lead to its root, and its key, in PEM.
const CERTIFICATE: &str = "certificate.pem";
/// Longest account, in bytes; it has 1 KB.
const ACCOUNT_LEN_MAX: u64 = 64 << 10;
/// A whole order: authorities look at a name from several places, and Let's Encrypt takes some seconds.
const ORDER_TIMEOUT: Duration = Duration::from_secs(180);
/// How long an authority is asked again for what it has under way.
const POLLING: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(90));
/// What the authority says when it has forgotten the account.
const NO_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// What is ordered, and of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeConfig {
    /// The names, each of which leads to this host from everywhere; at least one.
    pub names: Vec<String>,
    /// The directory of the authority, as it was typed.
    pub directory: String,
    /// The same, taken apart.
    pub server: Address,
    /// Where the authority writes to when something is wrong.
    pub email: Option<String>,
    /// The folder that keeps account and certificate; without it, that of what programs of this user keep.
    pub folder: Option<PathBuf>,
}

/// The account as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptAccount {
    email: Option<String>,
    credentials: AccountCredentials,
}

/// The certificate, and the order of the next one.
pub(super) struct Acme {
    config: AcmeConfig,
    folder: PathBuf,
    http: Http,
    plan: Mutex<Plan>,
    /// What proves a name while its authority looks.
    proofs: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl Acme {
    /// Reads the certificate that is kept, if it is for these names; otherwise gives one that browsers do not trust, until the first comes.
    pub(super) fn open(config: &AcmeConfig, kept: &Path) -> Result<(Acme, CertifiedKey), CertificateError> {
        let authority = format!("{}-{:08x}", config.server.host, crc32fast::hash(config.directory.as_bytes()));
        let folder = kept.join(FOLDER).join(authority);
        let told = |why: String| CertificateError(format!("cannot order a certificate: {why}"));
        for folder in [kept, &folder] {
            plain_file::make_secret_folder(folder).map_err(|error| told(format!("{}: {error}", folder.display())))?;
        }
        let http = Http::new(&config.server).map_err(|error| told(error.to_string()))?;
        let plan = Mutex::new(Plan::open(&folder, &config.names));
        let acme = Acme { config: config.clone(), folder, http, plan, proofs: Mutex::default() };
        let path = acme.folder.join(CERTIFICATE);
        let kept = match files::read(&path, &path) {
            Ok((key, facts)) if acme.is_for_all(&key) => {
                lock(&acme.plan).learn(facts.as_ref());
                Some(key)
            }
            Ok(_) => None,
            Err(error) if path.exists() => {
                tracing::warn!("{error}; another certificate is ordered");
                None
            }
            Err(_) => None,
        };
        let key = kept.map_or_else(|| acme.stand_in(), Ok)?;
        Ok((acme, key))
    }

    /// The next certificate, if one is due and the authority gives it.
    pub(super) async fn look(self: &Arc<Acme>, now: WallTime) -> Option<CertifiedKey> {
        if !lock(&self.plan).is_due(now) {
            return None;
        }
        lock(&self.plan).begin(now);
        self.on_disk(Acme::keep_plan).await.ok()?;
        let ordered = timeout(ORDER_TIMEOUT, self.order()).await;
        lock(&self.proofs).clear();
        let ordered = ordered.unwrap_or_else(|_| Err(format!("it has taken more than {} s", ORDER_TIMEOUT.as_secs())));
        let taken = match ordered {
            Ok(pem) => self.on_disk(move |acme| acme.take(&pem)).await.and_then(|taken| taken),
            Err(why) => Err(why),
        };
        taken
            .inspect_err(|why| {
                tracing::warn!(
                    "{} gives no certificate for {}: {why}; the next try is in {} min",
                    self.config.server.host,
                    self.config.names.join(", "),
                    lock(&self.plan).pause().0 / Span::from_ms(60_000).0
                );
            })
            .ok()
    }

    /// Does what waits for a disk on a thread that may.
    async fn on_disk<T: Send + 'static>(self: &Arc<Acme>, work: impl FnOnce(&Acme) -> T + Send + 'static) -> Result<T, String> {
        let acme = self.clone();
        spawn_blocking(move || work(&acme)).await.map_err(|_| "a bug, which is in the log".to_owned())
    }

    fn keep_plan(&self) {
        let kept = lock(&self.plan).keep(&self.folder);
        if let Err(error) = kept {
            tracing::warn!("cannot keep in {} when a certificate was ordered: {error}", self.folder.display());
        }
    }

    /// What proves that the name leads here, while its authority looks.
    pub(super) fn proof(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        lock(&self.proofs).get(name).cloned()
    }

    /// Keeps what came, and reads it.
    fn take(&self, pem: &str) -> Result<CertifiedKey, String> {
        let path = self.folder.join(CERTIFICATE);
        // The one that is there may be in use for weeks, so it is replaced by what can be used alone.
        let (key, facts) = files::parse(pem.as_bytes(), pem, (&path, &path)).map_err(|error| error.to_string())?;
        if !self.is_for_all(&key) {
            return Err("what it gave is not for all of these names".to_owned());
        }
        {
            let mut plan = lock(&self.plan);
            plan.succeed();
            plan.learn(facts.as_ref());
        }
        self.keep_plan();
        if let Err(error) = plain_file::replace_secret(&path, pem.as_bytes()) {
            tracing::warn!("cannot keep the certificate in {}: {error}; the next start orders another one", path.display());
        }
        let last = facts.map_or_else(String::new, |facts| format!(", valid until {}", facts.not_after));
        tracing::info!("the certificate for {} came from {}{last}", self.config.names.join(", "), self.config.server.host);
        Ok(key)
    }

    /// Orders one; gives it with its chain and key, in PEM.
    async fn order(self: &Arc<Acme>) -> Result<String, String> {
        let account = self.account().await?;
        let identifiers: Vec<Identifier> = self.config.names.iter().cloned().map(Identifier::Dns).collect();
        let mut order = match account.new_order(&NewOrder::new(&identifiers)).await {
            Ok(order) => order,
            Err(Error::Api(problem)) if problem.r#type.as_deref() == Some(NO_ACCOUNT) => {
                // The next try makes another one.
                _ = self.on_disk(|acme| std::fs::remove_file(acme.folder.join(ACCOUNT))).await;
                return Err("it does not know the account any more".to_owned());
            }
            Err(error) => return Err(told(error)),
        };
        self.prove(&mut order).await?;
        let why = match order.poll_ready(&POLLING).await {
            Ok(OrderStatus::Ready) => None,
            Ok(status) => Some(format!("the order is {status:?}")),
            Err(error) => Some(told(error)),
        };
        if let Some(why) = why {
            return Err(refusal(&mut order).await.unwrap_or(why));
        }
        let key = KeyPair::generate().map_err(|error| error.to_string())?;
        let params = CertificateParams::new(self.config.names.clone()).map_err(|error| error.to_string())?;
        let request = params.serialize_request(&key).map_err(|error| error.to_string())?;
        order.finalize_csr(request.der()).await.map_err(told)?;
        let chain = order.poll_certificate(&POLLING).await.map_err(told)?;
        Ok(format!("{}\n{}", chain.trim_end(), key.serialize_pem()))
    }

    /// The account, which the first order makes. Who asks for a certificate agrees to the authority's terms, as `--help` says.
    async fn account(self: &Arc<Acme>) -> Result<Account, String> {
        let builder = Account::builder_with_http(Box::new(self.http.clone()));
        let contact: Vec<String> = self.config.email.iter().map(|email| format!("mailto:{email}")).collect();
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let (account, kept) = match self.on_disk(Acme::kept_account).await?? {
            Some(kept) if kept.email == self.config.email => return builder.from_credentials(kept.credentials).await.map_err(told),
            Some(KeptAccount { credentials, .. }) => {
                let text = serde_json::to_string(&credentials).map_err(|error| error.to_string())?;
                let account = builder.from_credentials(credentials).await.map_err(told)?;
                account.update_contacts(&contact).await.map_err(told)?;
                (account, serde_json::from_str(&text).map_err(|error| error.to_string())?)
            }
            None => {
                let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
                builder.create(&new, self.config.directory.clone(), None).await.map_err(told)?
            }
        };
        let kept = KeptAccount { email: self.config.email.clone(), credentials: kept };
        let text = serde_json::to_string(&kept).map_err(|error| error.to_string())?;
        let path = self.folder.join(ACCOUNT);
        let put = move |_: &Acme| {
            plain_file::replace_secret(&path, text.as_bytes()).map_err(|error| format!("{}: {error}", path.display()))
        };
        self.on_disk(put).await??;
        Ok(account)
    }

    /// The account that is kept, if one is.
    fn kept_account(&self) -> Result<Option<KeptAccount>, String> {
        let path = self.folder.join(ACCOUNT);
        if !path.exists() {
            return Ok(None);
        }
        let text = read_secret(&path, ACCOUNT_LEN_MAX).map_err(|error| error.to_string())?;
        let broken = |error| format!("{} is no account: {error}; remove it, and another one is made", path.display());
        serde_json::from_str(&text).map(Some).map_err(broken)
    }

    /// Makes the proofs that the authority wants, and asks it to look.
    async fn prove(&self, order: &mut Order) -> Result<(), String> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(told)?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let Some(mut challenge) = authorization.challenge(ChallengeType::TlsAlpn01) else {
                return Err("it does not look for proofs over TLS (tls-alpn-01)".to_owned());
            };
            let name = challenge.identifier().to_string();
            let proof = proof(&name, challenge.key_authorization().digest().as_ref()).map_err(|error| error.to_string())?;
            lock(&self.proofs).insert(name, Arc::new(proof));
            challenge.set_ready().await.map_err(told)?;
        }
        Ok(())
    }

    fn is_for_all(&self, key: &CertifiedKey) -> bool {
        let Some(Ok(certificate)) = key.cert.first().map(ParsedCertificate::try_from) else { return false };
        self.config.names.iter().all(|name| {
            let name = ServerName::try_from(name.as_str());
            name.is_ok_and(|name| verify_server_name(&certificate, &name).is_ok())
        })
    }

    fn stand_in(&self) -> Result<CertifiedKey, CertificateError> {
        let key = KeyPair::generate().and_then(|key| self_signed(CertificateParams::new(self.config.names.clone())?, &key));
        key.map_err(|error| CertificateError(format!("cannot make a certificate: {error}")))
    }
}

/// The certificate of RFC 8737 §3: for the name alone, with what the authority has asked for.
fn proof(name: &str, digest: &[u8]) -> Result<CertifiedKey, rcgen::Error> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    self_signed(params, &KeyPair::generate()?)
}

fn self_signed(params: CertificateParams, key: &KeyPair) -> Result<CertifiedKey, rcgen::Error> {
    let certificate = params.self_signed(key)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let signing = any_supported_type(&key).map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], signing))
}

/// Why the authority did not take a proof, in its words.
async fn refusal(order: &mut Order) -> Option<String> {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let name = authorization.identifier().to_string();
        let state = authorization.refresh().await.ok()?;
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            let why = problem.detail.clone().unwrap_or_else(|| problem.to_string());
            return Some(format!("it did not find this computer at {name}: {why}; does port 443 of that name lead here?"));
        }
    }
    None
}

/// An error with what it came of.
fn told(error: Error) -> String {
    match &error {
        Error::Other(inner) => chain(&**inner),
        error => error.to_string(),
    }
}
