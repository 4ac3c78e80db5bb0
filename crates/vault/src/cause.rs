//! What an error of the HTTP client means, in words that quote no secret.

use std::error::Error as StdError;

use object_store::client::{HttpError, HttpErrorKind};

use crate::answer::What;

/// What the HTTP client's error means.
pub(crate) fn transport(error: &HttpError) -> What {
    match error.kind() {
        HttpErrorKind::Timeout => What::NoConnection,
        _ => What::Transport(innermost(error)),
    }
}

/// The last two links of an error's chain: the outer ones only say that a request failed.
pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut outer: Option<String> = None;
    let mut inner = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        if text != inner {
            outer = Some(std::mem::replace(&mut inner, text));
        }
        next = source.source();
    }
    let text = match outer {
        Some(outer) if outer.contains(&inner) => outer,
        Some(outer) => format!("{outer}: {inner}"),
        None => inner,
    };
    without_quotation(text, error)
}

/// A parser of JSON quotes what it found where it didn't expect it, which may be the token that an
/// endpoint handed out.
fn without_quotation(text: String, error: &(dyn StdError + 'static)) -> String {
    let mut link = Some(error);
    while let Some(at) = link.filter(|at| !at.is::<serde_json::Error>()) {
        link = at.source();
    }
    let Some(said) = link.map(ToString::to_string) else { return text };
    match (said.find('"'), said.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            text.replace(&said, &format!("{}***{}", &said[..=first], &said[last..]))
        }
        _ => text,
    }
}
