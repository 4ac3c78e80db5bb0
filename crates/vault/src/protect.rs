//! What a put asks of a cloud for its object: retention, legal hold, encryption.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderName, HeaderValue};

use crate::date;
use crate::location::Place;
use crate::options::{Encryption, Options};
use auditseal_store::Retention;

/// The longest retention that the clouds take, days.
const LONGEST_DAYS: u64 = 36_500;

type Headers = Vec<(HeaderName, HeaderValue)>;

/// What each put carries beside its object.
#[derive(Debug, Clone)]
pub(crate) struct Protection {
    hold: Headers,
    encryption: Headers,
    retention: Option<(Retention, RetentionHeaders)>,
    clock: fn() -> SystemTime,
}

/// How a cloud is told of a retention.
#[derive(Debug, Clone, Copy)]
struct RetentionHeaders {
    mode: &'static str,
    until: &'static str,
    compliance: &'static str,
    governance: &'static str,
    date: fn(SystemTime) -> Option<String>,
}

const S3: RetentionHeaders = RetentionHeaders {
    mode: "x-amz-object-lock-mode",
    until: "x-amz-object-lock-retain-until-date",
    compliance: "COMPLIANCE",
    governance: "GOVERNANCE",
    date: date::iso,
};
const GOOGLE: RetentionHeaders = RetentionHeaders {
    mode: "x-goog-object-lock-mode",
    until: "x-goog-object-lock-retain-until-date",
    ..S3
};
const AZURE: RetentionHeaders = RetentionHeaders {
    mode: "x-ms-immutability-policy-mode",
    until: "x-ms-immutability-policy-until-date",
    compliance: "locked",
    governance: "unlocked",
    date: date::http,
};

impl Protection {
    /// Reads the options; none when they ask for nothing.
    ///
    /// # Errors
    /// What is wrong, and what to do, when this store can't do what is asked.
    pub(crate) fn new(
        place: &Place,
        options: &Options,
    ) -> Result<Option<Self>, (String, &'static str)> {
        if options.retention.is_none() && !options.legal_hold && options.encryption.is_none() {
            return Ok(None);
        }
        if let Some(retention) = options.retention {
            check_duration(retention.duration)?;
        }
        let (names, hold) = match place {
            Place::S3 { .. } => (S3, Some(("x-amz-object-lock-legal-hold", "ON"))),
            Place::Gcs { .. } => (GOOGLE, None),
            Place::Azure { .. } => (AZURE, Some(("x-ms-legal-hold", "true"))),
            Place::Local(_) => {
                return Err((
                    "a directory has no retention, no legal hold and no encryption".to_owned(),
                    "leave those options out: what protects the directory is up to the file system",
                ));
            }
        };
        let (mut held, mut encryption) = (Headers::new(), Headers::new());
        if options.legal_hold {
            let (name, value) = hold.ok_or((
                "Google's cloud takes no legal hold with a put".to_owned(),
                "let the bucket place one: gcloud storage buckets update --default-event-based-hold",
            ))?;
            held.push((HeaderName::from_static(name), HeaderValue::from_static(value)));
        }
        if let Some(asked) = &options.encryption {
            encryption = encryption_headers(place, asked)?;
        }
        let retention = options.retention.map(|retention| (retention, names));
        Ok(Some(Self { hold: held, encryption, retention, clock: options.clock }))
    }

    /// The headers of a put that is sent now.
    ///
    /// # Errors
    /// A sentence when the clock can't be right.
    pub(crate) fn headers(&self) -> Result<Headers, String> {
        let mut headers = [self.hold.clone(), self.encryption.clone()].concat();
        if let Some((retention, names)) = &self.retention {
            let mode = if retention.compliance { names.compliance } else { names.governance };
            let until = (self.clock)()
                .checked_add(retention.duration)
                .and_then(names.date)
                .and_then(|date| HeaderValue::from_str(&date).ok())
                .ok_or("the clock gives no date that a retention could end at")?;
            headers.push((HeaderName::from_static(names.mode), HeaderValue::from_static(mode)));
            headers.push((HeaderName::from_static(names.until), until));
        }
        Ok(headers)
    }

    /// Those of them that say how to encrypt: a bucket may refuse every put without.
    pub(crate) fn encryption(&self) -> Headers {
        self.encryption.clone()
    }
}

fn check_duration(duration: Duration) -> Result<(), (String, &'static str)> {
    let hint = "give it in days, such as 400d";
    if duration.is_zero() {
        return Err(("a retention of no time protects nothing".to_owned(), hint));
    }
    if duration > Duration::from_secs(LONGEST_DAYS * 86_400) {
        return Err((format!("no store takes a retention of over {LONGEST_DAYS} days"), hint));
    }
    Ok(())
}

fn encryption_headers(
    place: &Place,
    encryption: &Encryption,
) -> Result<Headers, (String, &'static str)> {
    let value = |text: &str| {
        HeaderValue::from_str(text).ok().filter(|_| !text.is_empty()).ok_or((
            "the name of the encryption key is empty or holds characters that no key has"
                .to_owned(),
            "copy it from the cloud's console",
        ))
    };
    let header = |name: &'static str, value| (HeaderName::from_static(name), value);
    const S3_KIND: &str = "x-amz-server-side-encryption";
    match (place, encryption) {
        (Place::S3 { .. }, Encryption::S3Managed) => Ok(vec![header(S3_KIND, value("AES256")?)]),
        (Place::S3 { .. }, Encryption::S3Kms(key)) => Ok(vec![
            header(S3_KIND, value("aws:kms")?),
            header("x-amz-server-side-encryption-aws-kms-key-id", value(key)?),
        ]),
        (Place::Gcs { .. }, Encryption::GoogleKey(key)) => {
            Ok(vec![header("x-goog-encryption-kms-key-name", value(key)?)])
        }
        (Place::Azure { .. }, Encryption::AzureScope(scope)) => {
            Ok(vec![header("x-ms-encryption-scope", value(scope)?)])
        }
        _ => Err((
            "this kind of encryption isn't the store's".to_owned(),
            "SSE-S3 and SSE-KMS are for s3://, a CMEK for gs://, an encryption scope for az://",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_792_567_679_001)
    }

    fn options(compliance: bool) -> Options {
        let retention = Some(Retention { compliance, duration: Duration::from_secs(86_400) });
        Options { retention, clock: noon, ..Options::default() }
    }

    fn sent(place: &Place, options: &Options) -> Vec<String> {
        let protection = Protection::new(place, options).unwrap().unwrap();
        let headers = protection.headers().unwrap();
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    fn places() -> [Place; 4] {
        [
            Place::S3 { bucket: "b".into() },
            Place::Gcs { bucket: "b".into() },
            Place::Azure { account: None, container: "b".into() },
            Place::Local("/x".into()),
        ]
    }

    #[test]
    fn each_cloud_in_its_own_words() {
        let [s3, google, azure, _] = places();
        let hold = Options { legal_hold: true, ..options(true) };
        assert_eq!(
            sent(&s3, &hold),
            [
                "x-amz-object-lock-legal-hold: ON",
                "x-amz-object-lock-mode: COMPLIANCE",
                "x-amz-object-lock-retain-until-date: 2026-10-22T07:28:00Z",
            ]
        );
        assert_eq!(
            sent(&google, &options(false)),
            [
                "x-goog-object-lock-mode: GOVERNANCE",
                "x-goog-object-lock-retain-until-date: 2026-10-22T07:28:00Z",
            ]
        );
        assert_eq!(
            sent(&azure, &hold),
            [
                "x-ms-legal-hold: true",
                "x-ms-immutability-policy-mode: locked",
                "x-ms-immutability-policy-until-date: Thu, 22 Oct 2026 07:28:00 GMT",
            ]
        );
        let key = |encryption| Options { encryption: Some(encryption), ..Options::default() };
        assert_eq!(
            sent(&s3, &key(Encryption::S3Kms("id".into()))),
            [
                "x-amz-server-side-encryption: aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id: id",
            ]
        );
        assert_eq!(
            sent(&s3, &key(Encryption::S3Managed)),
            ["x-amz-server-side-encryption: AES256"]
        );
        assert_eq!(
            sent(&google, &key(Encryption::GoogleKey("projects/p".into()))),
            ["x-goog-encryption-kms-key-name: projects/p"]
        );
        assert_eq!(
            sent(&azure, &key(Encryption::AzureScope("s".into()))),
            ["x-ms-encryption-scope: s"]
        );
    }

    #[test]
    fn what_a_store_cannot_do_is_refused() {
        let [s3, google, azure, local] = places();
        let retention = |seconds| Options {
            retention: Some(Retention { compliance: true, duration: Duration::from_secs(seconds) }),
            ..Options::default()
        };
        let key = |encryption| Options { encryption: Some(encryption), ..Options::default() };
        let hold = Options { legal_hold: true, ..Options::default() };
        for (place, options, why) in [
            (&s3, retention(0), "protects nothing"),
            (&s3, retention(36_501 * 86_400), "over 36500 days"),
            (&google, hold.clone(), "no legal hold"),
            (&local, hold, "a directory has no"),
            (&local, options(true), "a directory has no"),
            (&s3, key(Encryption::GoogleKey("k".into())), "isn't the store's"),
            (&azure, key(Encryption::S3Managed), "isn't the store's"),
            (&s3, key(Encryption::S3Kms("a\nb".into())), "holds characters"),
            (&s3, key(Encryption::S3Kms(String::new())), "is empty"),
        ] {
            let (text, hint) = Protection::new(place, &options).unwrap_err();
            assert!(text.contains(why) && !hint.is_empty(), "{text}");
        }
        for place in [&s3, &local] {
            assert!(Protection::new(place, &Options::default()).unwrap().is_none());
        }
        let far = Options {
            clock: || UNIX_EPOCH + Duration::from_secs(300_000_000_000),
            ..options(true)
        };
        let error = Protection::new(&s3, &far).unwrap().unwrap().headers().unwrap_err();
        assert!(error.contains("clock"), "{error}");
    }
}
