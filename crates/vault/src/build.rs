//! From a parsed URL to a client of `object_store`.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::HttpConnector;
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::{ClientOptions, ObjectStore, RetryConfig, StaticCredentialProvider};
use reqwest::Certificate;

use crate::backend::Backend;
use crate::call::{Base, Home};
use crate::client::{CONNECT_TIMEOUT, Connector};
use crate::directory::{Directory, create_durably};
use crate::environment;
use crate::location::{Location, Place};
use crate::options::Options;
use crate::pace::Pace;
use crate::partition;
use crate::protect::Protection;
use crate::regular;
use crate::request::{Cloud, Dialect, Signer, VersionLists};
use auditseal_store::{Error, Kind, Operation};

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
    Ok(Backend::new(store, Base::new(home, location, pace), protection))
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
            failed(kind, &format!("the directory can't be made: {error}")).with_hint(
                "make it yourself and give it to the user that auditseal runs as; under systemd \
                 ReadWritePaths must name it, too",
            )
        })?;
    }
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(failed(Kind::Invalid, "it isn't a directory")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(failed(Kind::NoBucket, "the directory doesn't exist").with_hint(
                "--store names the directory in which cluster=… lies: is it spelt right, and its \
                 file system mounted?",
            ));
        }
        Err(error) => return Err(failed(Kind::Denied, &error.to_string())),
    }
    let store = LocalFileSystem::new_with_prefix(path)
        .map_err(|error| crate::translate::error(Operation::Open, &location.shown, &error))?
        .with_fsync(true);
    Ok((
        Arc::new(store),
        Home::Directory(Arc::new(Directory::new(path.to_owned(), &options.fstab))),
    ))
}

/// What the three clouds' clients have in common.
struct Builder<'a> {
    options: &'a Options,
    shown: &'a str,
    certificates: Vec<Certificate>,
    pace: Pace,
}

impl<'a> Builder<'a> {
    fn new(location: &'a Location, options: &'a Options, pace: Pace) -> Result<Self, Error> {
        install_crypto();
        let certificates = certificates(location, options)?;
        Ok(Self { options, shown: &location.shown, certificates, pace })
    }

    fn failed(&self, kind: Kind, why: &str) -> Error {
        Error::new(Operation::Open, self.shown, kind, why)
    }

    /// What the environment says of a cloud.
    fn settings<K: FromStr>(&self, cloud: &str) -> Result<Vec<(K, String)>, Error> {
        environment::settings(cloud, environment::with(&self.options.environment)).map_err(|why| {
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

    fn connector(&self) -> Connector {
        let metadata = environment::metadata(environment::with(&self.options.environment));
        let traffic = self.options.traffic.clone();
        let certificates = self.certificates.clone();
        // How long each exchange may take the guard around the client knows.
        let connect = CONNECT_TIMEOUT.min(self.options.timeout);
        Connector { pace: self.pace.clone(), traffic, certificates, connect, metadata }
    }

    /// An error of a builder. It may quote the value that it couldn't read, so the values of
    /// secret variables are taken out.
    fn refused(&self, error: &object_store::Error) -> Error {
        let cause = without_secrets(crate::cause::innermost(error), &self.options.environment);
        let ours = self.failed(Kind::Invalid, &cause);
        let lower = cause.to_ascii_lowercase();
        if lower.contains("account must be specified") {
            self.failed(Kind::Invalid, "nothing says which storage account has the container")
                .with_hint(
                    "set AZURE_STORAGE_ACCOUNT_NAME, or write \
                     https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX",
                )
        } else if lower.contains("unknown variant") && lower.contains("service_account") {
            // External accounts and impersonation, which the client doesn't know.
            ours.with_hint(
                "Google credentials of this kind (external_account, impersonated_service_account) \
                 aren't read. They are in the file that GOOGLE_APPLICATION_CREDENTIALS names, or \
                 that gcloud has put into ~/.config/gcloud. On Google's machines do without it: the \
                 metadata service is asked then. Elsewhere name a service account's key file by GOOGLE_SERVICE_ACCOUNT, \
                 or have `gcloud auth application-default print-access-token` give a token for an \
                 hour: GOOGLE_BEARER_TOKEN, in the file of --environment, and SIGHUP when it is new",
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
        let client = self.connector().connect(&client_for(endpoint));
        let client = client.map_err(|error| self.refused(&error))?;
        Ok(Home::Cloud(Arc::new(Cloud {
            dialect,
            client,
            signer: Arc::new(signer),
            endpoint: endpoint.map(str::to_owned),
            clock: self.options.clock,
            version_lists: VersionLists::default(),
            wants_md5: AtomicBool::new(false),
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
        // As the client itself finds its address, but for the partitions that it doesn't know.
        let virtual_hosted = on(AmazonS3ConfigKey::VirtualHostedStyleRequest);
        let suffix = partition::suffix(&region);
        let address = match (&endpoint, virtual_hosted) {
            (Some(endpoint), true) => endpoint.clone(),
            (Some(endpoint), false) => format!("{endpoint}/{bucket}"),
            (None, true) => format!("https://{bucket}.s3.{region}.{suffix}"),
            (None, false) => format!("https://s3.{region}.{suffix}/{bucket}"),
        };
        let signed = !on(AmazonS3ConfigKey::SkipSignature);
        let payload = !on(AmazonS3ConfigKey::UnsignedPayload);
        let payer = on(AmazonS3ConfigKey::RequestPayer)
            || value(&builder, AmazonS3ConfigKey::RequestPayer).as_deref() == Some("requester");
        let builder =
            in_partition(builder, &region, virtual_hosted.then_some(bucket), endpoint.as_deref());
        let store = builder
            .with_bucket_name(bucket)
            // Object Lock refuses a put without a checksum.
            .with_checksum_algorithm(Checksum::SHA256)
            // The environment can turn this off, and then nothing would be put once.
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_client_options(client_for(endpoint.as_deref()))
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
            .with_client_options(client_for(endpoint.as_deref()))
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
            .with_client_options(client_for(endpoint.as_deref()))
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

/// Names the servers of a region that aren't named as the client would: S3's, unless there is an
/// endpoint, and the one that exchanges tokens.
fn in_partition(
    mut builder: AmazonS3Builder,
    region: &str,
    virtual_host: Option<&str>,
    endpoint: Option<&str>,
) -> AmazonS3Builder {
    if partition::is_usual(region) {
        return builder;
    }
    let suffix = partition::suffix(region);
    if endpoint.is_none() {
        let host = virtual_host.map(|bucket| format!("{bucket}.")).unwrap_or_default();
        builder = builder.with_endpoint(format!("https://{host}s3.{region}.{suffix}"));
    }
    let key = AmazonS3ConfigKey::StsEndpoint;
    if builder.get_config_value(&key).is_none() {
        builder = builder.with_config(key, format!("https://sts.{region}.{suffix}"));
    }
    builder
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

/// What the client for an endpoint is made with: plain HTTP only for one that says so.
fn client_for(endpoint: Option<&str>) -> ClientOptions {
    ClientOptions::new().with_allow_http(endpoint.is_some_and(is_plain))
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
    let pem = regular::read(path).map_err(|error| failed(&error.to_string()))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(found) if found.is_empty() => Err(failed("no PEM certificate is in it")),
        Ok(found) => Ok(found),
        Err(error) => Err(failed(&crate::cause::innermost(&error))),
    }
}

/// Chooses the implementation of TLS once per process; building a client panics without one.
pub(crate) fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Failing means that another thread was faster, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
    }
}

fn without_secrets(mut text: String, environment: &[(OsString, OsString)]) -> String {
    let secret = |name: &str| {
        let words = ["KEY", "SECRET", "TOKEN", "PASSWORD", "SAS", "SERVICE_ACCOUNT"];
        environment::is_of_cloud(name) && words.iter().any(|word| name.contains(word))
    };
    for (name, value) in environment::with(environment) {
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
