//! From a parsed URL to a client of `object_store`.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::HttpConnector;
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::{
    Certificate, ClientOptions, ObjectStore, RetryConfig, StaticCredentialProvider,
};

use crate::backend::{Backend, Home};
use crate::client::{CONNECT_TIMEOUT, Connector};
use crate::environment;
use crate::error::{Error, Kind, Operation};
use crate::location::{Location, Place};
use crate::options::Options;
use crate::pace::Pace;
use crate::protect::Protection;
use crate::request::{Cloud, Dialect, Signer};

/// Opens what `location` names.
pub(crate) fn backend(location: Location, options: &Options) -> Result<Backend, Error> {
    let pace = Pace::new(options.timeout);
    let cloud = || Builder::new(&location, options, pace.clone());
    let protection = Protection::new(&location.place, options).map_err(|(why, hint)| {
        Error::new(Operation::Open, &location.shown, Kind::Invalid, &why).with_hint(hint)
    })?;
    let (store, home) = match &location.place {
        Place::Local(path) => local(&location, path, options)?,
        Place::S3 { bucket } => cloud()?.s3(bucket)?,
        Place::Gcs { bucket } => cloud()?.gcs(bucket)?,
        Place::Azure { account, container } => cloud()?.azure(account.as_deref(), container)?,
    };
    Ok(Backend::new(store, home, location, pace, protection))
}

/// The client for objects, and what our own requests need.
type Opened = (Arc<dyn ObjectStore>, Home);

fn local(location: &Location, path: &Path, options: &Options) -> Result<Opened, Error> {
    let failed = |kind, why: &str| Error::new(Operation::Open, &location.shown, kind, why);
    if options.create {
        create_durably(path).map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Kind::Denied,
                _ => Kind::Invalid,
            };
            failed(kind, &format!("create the directory: {error}"))
        })?;
    }
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(failed(Kind::Invalid, "it isn't a directory")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(failed(Kind::NoBucket, "the directory doesn't exist"));
        }
        Err(error) => return Err(failed(Kind::Denied, &error.to_string())),
    }
    let store = LocalFileSystem::new_with_prefix(path)
        .map_err(|error| crate::translate::error(Operation::Open, &location.shown, &error))?
        .with_fsync(true);
    Ok((Arc::new(store), Home::Directory(path.to_owned())))
}

/// Creates a directory so that it survives a power cut: each new entry's parent is synced, or the
/// archive's first objects could vanish together with their directory.
fn create_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    create_durably(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(parent)?.sync_all(),
    }
}

/// What the three clouds' clients have in common.
struct Builder<'a> {
    options: &'a Options,
    shown: &'a str,
    client: ClientOptions,
    pace: Pace,
}

impl<'a> Builder<'a> {
    fn new(location: &'a Location, options: &'a Options, pace: Pace) -> Result<Self, Error> {
        install_crypto();
        let mut client = ClientOptions::new()
            // The guard around the client knows how long each exchange may take.
            .with_timeout_disabled()
            .with_connect_timeout(CONNECT_TIMEOUT.min(options.timeout));
        for certificate in certificates(location, options)? {
            client = client.with_root_certificate(certificate);
        }
        Ok(Self { options, shown: &location.shown, client, pace })
    }

    fn failed(&self, kind: Kind, why: &str) -> Error {
        Error::new(Operation::Open, self.shown, kind, why)
    }

    /// What the environment says of a cloud.
    fn settings<K: FromStr>(&self, cloud: &str) -> Result<Vec<(K, String)>, Error> {
        environment::settings(cloud, std::env::vars_os()).map_err(|why| {
            self.failed(Kind::Invalid, &why)
                .with_hint("a Secret's value must be encoded without the line break behind it")
        })
    }

    /// The endpoint: the option's, else the environment's, which the builder has already read.
    fn endpoint(&self, environment: Option<String>) -> Result<Option<String>, Error> {
        let Some(endpoint) = self.options.endpoint.clone().or(environment) else {
            return Ok(None);
        };
        let bad = |why: &str| Err(self.failed(Kind::Invalid, &format!("the endpoint {why}")));
        let Ok(url) = reqwest::Url::parse(&endpoint) else {
            return bad("isn't a URL: write https://HOST:PORT");
        };
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return bad("must begin with http:// or https:// and name a host");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return bad("must not hold credentials: set them in the environment");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return bad("takes no query and no fragment");
        }
        Ok(Some(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The client for an endpoint: plain HTTP only for one that says so.
    fn client_for(&self, endpoint: Option<&str>) -> ClientOptions {
        self.client.clone().with_allow_http(endpoint.is_some_and(is_plain))
    }

    fn connector(&self) -> Connector {
        let metadata = environment::metadata(std::env::vars_os());
        Connector { pace: self.pace.clone(), metadata }
    }

    /// An error of a builder. It may quote the value that it couldn't read, so the values of
    /// secret variables are taken out.
    fn refused(&self, error: &object_store::Error) -> Error {
        let cause = without_secrets(crate::client::innermost(error));
        let ours = self.failed(Kind::Invalid, &cause);
        let lower = cause.to_ascii_lowercase();
        if lower.contains("account must be specified") {
            ours.with_hint("set AZURE_STORAGE_ACCOUNT_NAME")
        } else if lower.contains("unknown variant") && lower.contains("service_account") {
            // External accounts and impersonation, which the client doesn't know.
            ours.with_hint(
                "Google credentials of this kind aren't read: leave the variable out where the \
                 machine has a service account (the metadata service is asked then), or name a \
                 service account's key file by GOOGLE_SERVICE_ACCOUNT",
            )
        } else if lower.contains("credential") || lower.contains("key") {
            ours.with_hint("check the cloud's credential variables in the environment")
        } else {
            ours
        }
    }

    /// What our own requests go through: the same connection, credentials and bounds.
    fn cloud(
        &self,
        dialect: Dialect,
        endpoint: Option<&str>,
        signer: Signer,
    ) -> Result<Home, Error> {
        let client = self.connector().connect(&self.client_for(endpoint));
        let client = client.map_err(|error| self.refused(&error))?;
        Ok(Home::Cloud(Arc::new(Cloud {
            dialect,
            client,
            signer: Arc::new(signer),
            endpoint: endpoint.map(str::to_owned),
            clock: self.options.clock,
        })))
    }

    fn s3(&self, bucket: &str) -> Result<Opened, Error> {
        let mut builder = AmazonS3Builder::new();
        for (key, text) in self.settings("AWS_")? {
            builder = builder.with_config(key, text);
        }
        let value = |builder: &AmazonS3Builder, key| builder.get_config_value(&key);
        let environment = value(&builder, AmazonS3ConfigKey::S3Endpoint)
            .or_else(|| value(&builder, AmazonS3ConfigKey::Endpoint));
        let endpoint = self.endpoint(environment)?;
        if let Some(region) = &self.options.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &endpoint {
            builder = builder
                .with_endpoint(endpoint)
                .with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
            if self.options.endpoint.is_some() {
                builder = builder.with_virtual_hosted_style_request(false);
            }
        }
        let on = |key| value(&builder, key).is_some_and(|text| is_on(&text));
        if on(AmazonS3ConfigKey::S3Express) {
            let why = "directory buckets (S3 Express) have neither versions nor Object Lock";
            return Err(self.failed(Kind::Invalid, why).with_hint("use a general purpose bucket"));
        }
        let region = value(&builder, AmazonS3ConfigKey::Region);
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        // As the client itself finds its address.
        let virtual_hosted = on(AmazonS3ConfigKey::VirtualHostedStyleRequest);
        let address = match (&endpoint, virtual_hosted) {
            (Some(endpoint), true) => endpoint.clone(),
            (Some(endpoint), false) => format!("{endpoint}/{bucket}"),
            (None, true) => format!("https://{bucket}.s3.{region}.amazonaws.com"),
            (None, false) => format!("https://s3.{region}.amazonaws.com/{bucket}"),
        };
        let signed = !on(AmazonS3ConfigKey::SkipSignature);
        let payload = !on(AmazonS3ConfigKey::UnsignedPayload);
        let payer = on(AmazonS3ConfigKey::RequestPayer)
            || value(&builder, AmazonS3ConfigKey::RequestPayer).as_deref() == Some("requester");
        let store = builder
            .with_bucket_name(bucket)
            // Object Lock refuses a put without a checksum.
            .with_checksum_algorithm(Checksum::SHA256)
            // The environment can turn this off, and then nothing would be put once.
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_client_options(self.client_for(endpoint.as_deref()))
            .with_retry(no_retries())
            .with_http_connector(self.connector())
            .build()
            .map_err(|error| self.refused(&error))?;
        let credentials = Arc::clone(store.credentials());
        let signer = match signed {
            true => Signer::Aws { credentials, region, payload, payer },
            false => Signer::Nobody,
        };
        let home = self.cloud(Dialect::S3 { bucket: address }, endpoint.as_deref(), signer)?;
        Ok((Arc::new(store), home))
    }

    fn gcs(&self, bucket: &str) -> Result<Opened, Error> {
        let mut builder = GoogleCloudStorageBuilder::new();
        for (key, text) in self.settings("GOOGLE_")? {
            builder = builder.with_config(key, text);
        }
        let environment = builder.get_config_value(&GoogleConfigKey::BaseUrl);
        let endpoint = self.endpoint(environment.or_else(|| account_endpoint(&builder)))?;
        if let Some(endpoint) = &endpoint {
            // A bearer token over plain HTTP is anyone's who listens; and an emulator wants none.
            if is_plain(endpoint) || !has_google_credentials(&builder) {
                let nobody = GcpCredential { bearer: String::new() };
                builder = GoogleCloudStorageBuilder::new()
                    .with_credentials(Arc::new(StaticCredentialProvider::new(nobody)))
                    .with_skip_signature(true);
            }
            builder = builder.with_base_url(endpoint);
        }
        let signed = !builder
            .get_config_value(&GoogleConfigKey::SkipSignature)
            .is_some_and(|text| is_on(&text));
        let store = builder
            .with_bucket_name(bucket)
            .with_client_options(self.client_for(endpoint.as_deref()))
            .with_retry(no_retries())
            .with_http_connector(self.connector())
            .build()
            .map_err(|error| self.refused(&error))?;
        let base = endpoint.as_deref().unwrap_or("https://storage.googleapis.com");
        let dialect = Dialect::Google {
            bucket: format!("{base}/{bucket}"),
            json: format!("{base}/storage/v1/b/{bucket}"),
        };
        let signer = match signed {
            true => Signer::Google(Arc::clone(store.credentials())),
            false => Signer::Nobody,
        };
        let home = self.cloud(dialect, endpoint.as_deref(), signer)?;
        Ok((Arc::new(store), home))
    }

    fn azure(&self, account: Option<&str>, container: &str) -> Result<Opened, Error> {
        let mut builder = MicrosoftAzureBuilder::new();
        // App Service and Arc name their metadata service so.
        if let Ok(text) = std::env::var("IDENTITY_ENDPOINT") {
            builder = builder.with_msi_endpoint(text.trim());
        }
        for (key, text) in self.settings("AZURE_")? {
            builder = builder.with_config(key, text);
        }
        let endpoint = self.endpoint(builder.get_config_value(&AzureConfigKey::Endpoint))?;
        if let Some(account) = account {
            builder = builder.with_account(account);
        }
        if let Some(endpoint) = &endpoint {
            let path = endpoint.splitn(4, '/').nth(3).unwrap_or("");
            if builder.get_config_value(&AzureConfigKey::AccountName).is_none() && !path.is_empty()
            {
                builder = builder.with_account(path);
            }
            builder = builder.with_endpoint(endpoint.clone());
        }
        let on = |key| builder.get_config_value(&key).is_some_and(|text| is_on(&text));
        if on(AzureConfigKey::UseEmulator) {
            let why = "AZURE_STORAGE_USE_EMULATOR isn't supported";
            return Err(self
                .failed(Kind::Invalid, why)
                .with_hint("give the emulator as the endpoint: http://127.0.0.1:10000/ACCOUNT"));
        }
        let host = match on(AzureConfigKey::UseFabricEndpoint) {
            true => "blob.fabric.microsoft.com",
            false => "blob.core.windows.net",
        };
        let account = builder.get_config_value(&AzureConfigKey::AccountName).unwrap_or_default();
        let service = endpoint.clone().unwrap_or_else(|| format!("https://{account}.{host}"));
        let signed = !on(AzureConfigKey::SkipSignature);
        let store = builder
            .with_container_name(container)
            .with_client_options(self.client_for(endpoint.as_deref()))
            .with_retry(no_retries())
            .with_http_connector(self.connector())
            .build()
            .map_err(|error| self.refused(&error))?;
        let credentials = Arc::clone(store.credentials());
        let signer = match signed {
            true => Signer::Azure { credentials, account },
            false => Signer::Nobody,
        };
        let dialect = Dialect::Azure { container: format!("{service}/{container}") };
        let home = self.cloud(dialect, endpoint.as_deref(), signer)?;
        Ok((Arc::new(store), home))
    }
}

/// A switch in the environment, as `object_store` reads it.
fn is_on(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "1" | "true" | "on" | "yes" | "y")
}

/// The address that a service account's file names; emulators hand out such files.
fn account_endpoint(builder: &GoogleCloudStorageBuilder) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Account {
        gcs_base_url: Option<String>,
    }
    let text = match builder.get_config_value(&GoogleConfigKey::ServiceAccount) {
        Some(path) => fs::read_to_string(path).ok()?,
        None => builder.get_config_value(&GoogleConfigKey::ServiceAccountKey)?,
    };
    // What can't be read is the client's to report.
    serde_json::from_str::<Account>(&text).ok()?.gcs_base_url
}

fn is_plain(endpoint: &str) -> bool {
    endpoint.starts_with("http://")
}

/// Whether the environment offers credentials for Google's cloud, apart from its metadata service.
fn has_google_credentials(builder: &GoogleCloudStorageBuilder) -> bool {
    let configured = [
        GoogleConfigKey::ServiceAccount,
        GoogleConfigKey::ServiceAccountKey,
        GoogleConfigKey::ApplicationCredentials,
        GoogleConfigKey::BearerToken,
    ];
    let logged_in = || {
        let home = std::env::var_os("HOME")?;
        let file = Path::new(&home).join(".config/gcloud/application_default_credentials.json");
        file.exists().then_some(())
    };
    configured.iter().any(|key| builder.get_config_value(key).is_some()) || logged_in().is_some()
}

/// One attempt per call: a retry below us would answer `AlreadyExists` to our own first attempt.
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

fn certificates(location: &Location, options: &Options) -> Result<Vec<Certificate>, Error> {
    let Some(path) = &options.ca_certificate else {
        return Ok(Vec::new());
    };
    let failed = |why: &str| {
        let why = format!("read the CA certificates in {}: {why}", path.display());
        Error::new(Operation::Open, &location.shown, Kind::Invalid, &why)
    };
    let pem = fs::read(path).map_err(|error| failed(&error.to_string()))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(found) if found.is_empty() => Err(failed("no PEM certificate is in it")),
        Ok(found) => Ok(found),
        Err(error) => Err(failed(&crate::client::innermost(&error))),
    }
}

/// Chooses the implementation of TLS once per process; building a client panics without one.
pub(crate) fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Failing means that another thread was faster, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
    }
}

fn without_secrets(mut text: String) -> String {
    let secret = |name: &str| {
        let clouds = ["AWS_", "GOOGLE_", "AZURE_"];
        let words = ["KEY", "SECRET", "TOKEN", "PASSWORD", "SAS", "SERVICE_ACCOUNT"];
        clouds.iter().any(|cloud| name.starts_with(cloud))
            && words.iter().any(|word| name.contains(word))
    };
    for (name, value) in std::env::vars_os() {
        // As it was taken, for that is what is quoted.
        if let (Some(name), Some(value)) = (name.to_str(), value.to_str().map(str::trim))
            && secret(name)
            && value.len() >= 4
        {
            text = text.replace(value, "***");
        }
    }
    text
}
