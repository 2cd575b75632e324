//! Why an HTTP camera gives no pictures, and whether that may pass.

use std::error::Error;
use std::io;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use rustls::CertificateError;

/// Why there is no stream, in words for the user.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The address or the login is wrong: trying again is of no use.
    Final(String),
    /// The camera may be off, busy or restarting.
    Passing(String),
}

impl Refusal {
    /// Why a request got no answer.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let reason = root_cause(error);
        if is_distrust(error) {
            Self::Final(format!(
                "the camera's certificate is not trusted: {reason} (add its authority to the system's, or use http://)"
            ))
        } else if error.is_builder() || error.is_redirect() {
            Self::Final(reason)
        } else {
            Self::Passing(reason)
        }
    }
}

/// Whether `response` begins a stream of pictures.
pub(super) fn check(response: &Response) -> Result<(), Refusal> {
    check_status(response.status())?;
    let content_type = response.headers().get(CONTENT_TYPE);
    check_content_type(content_type.map_or(Ok(""), |value| value.to_str()).ok())
}

fn check_status(status: StatusCode) -> Result<(), Refusal> {
    let advice = match status {
        _ if status.is_success() => return Ok(()),
        StatusCode::UNAUTHORIZED => {
            "the camera wants a login: put it into the URL, http://USER:PASSWORD@HOST/PATH \
             (basic authentication; if it is there, it is wrong or the camera wants another kind)"
        }
        StatusCode::FORBIDDEN => "this login may not see the stream",
        StatusCode::NOT_FOUND => "the camera has no such path: look its stream's URL up",
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            return Err(Refusal::Passing(format!("the camera answered {status}")));
        }
        _ if status.is_client_error() => "the camera refuses the request",
        _ => return Err(Refusal::Passing(format!("the camera answered {status}"))),
    };
    Err(Refusal::Final(format!("{status}: {advice}")))
}

/// `None`: not readable as text. An absent one is empty, and given the benefit of the doubt.
fn check_content_type(content_type: Option<&str>) -> Result<(), Refusal> {
    let content_type = content_type.unwrap_or("unreadable").to_ascii_lowercase();
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let may_be_mjpeg = kind.is_empty()
        || kind.starts_with("multipart/")
        || kind == "application/octet-stream"
        || (kind.starts_with("video/") && (kind.contains("jpeg") || kind.contains("jpg")));
    if may_be_mjpeg {
        return Ok(());
    }
    Err(Refusal::Final(if kind.starts_with("image/") {
        format!("this is a single picture ({kind}): use the camera's multipart MJPEG stream")
    } else {
        format!("this is {kind}, not pictures: use the camera's multipart MJPEG stream")
    }))
}

/// The innermost reason: what wraps it repeats the URL, password and all.
pub(super) fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Whether a certificate was refused for what waiting does not change. One that is not valid now may be in a while: a
/// small computer boots with the wrong clock.
fn is_distrust(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(rustls::Error::InvalidCertificate(reason)) = cause.downcast_ref() {
            return !matches!(
                reason,
                CertificateError::Expired
                    | CertificateError::ExpiredContext { .. }
                    | CertificateError::NotValidYet
                    | CertificateError::NotValidYetContext { .. }
            );
        }
        // What an I/O error wraps is not its source: its source is the source of that.
        let wrapped = cause.downcast_ref().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_final(result: &Result<(), Refusal>) -> bool {
        matches!(result, Err(Refusal::Final(_)))
    }

    #[test]
    fn streams_are_told_from_what_is_none() {
        for stream in [
            "",
            "multipart/x-mixed-replace;boundary=--frame",
            "Multipart/Mixed",
            "video/x-motion-jpeg",
            "application/octet-stream",
        ] {
            assert_eq!(check_content_type(Some(stream)), Ok(()), "{stream}");
        }
        for other in ["text/html; charset=utf-8", "video/mp4", "image/jpeg"] {
            assert!(is_final(&check_content_type(Some(other))), "{other}");
        }
        assert!(is_final(&check_content_type(None)));
    }

    #[test]
    fn only_what_the_user_must_change_is_final() {
        assert_eq!(check_status(StatusCode::OK), Ok(()));
        for status in [400, 401, 403, 404, 410] {
            assert!(is_final(&check_status(
                StatusCode::from_u16(status).unwrap()
            )));
        }
        for status in [408, 429, 500, 502, 503] {
            let result = check_status(StatusCode::from_u16(status).unwrap());
            assert!(matches!(result, Err(Refusal::Passing(_))), "{status}");
        }
    }

    #[test]
    fn an_untrusted_certificate_is_final_and_a_wrong_clock_is_not() {
        for (reason, distrusted) in [
            (CertificateError::UnknownIssuer, true),
            (CertificateError::NotValidForName, true),
            (CertificateError::Expired, false),
            (CertificateError::NotValidYet, false),
        ] {
            let error = rustls::Error::InvalidCertificate(reason);
            let wrapped = io::Error::other(io::Error::other(error.clone()));
            assert_eq!(is_distrust(&error), distrusted);
            assert_eq!(is_distrust(&wrapped), distrusted, "{wrapped:?}");
        }
        assert!(!is_distrust(&io::Error::from(
            io::ErrorKind::ConnectionRefused
        )));
    }
}
