//! Keeps passwords out of logs.

use std::fmt;

/// What stands in place of a secret.
const MASK: &str = "***";

/// Shows text with the passwords of the URLs in it masked: `rtsp://user:***@host/path?token=***`.
pub(super) struct Masked<'a>(pub(super) &'a str);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find("://") {
            let (before, after) = rest.split_at(at + "://".len());
            let url = &after[..after.find(ends_url).unwrap_or(after.len())];
            f.write_str(before)?;
            write_url(f, url)?;
            rest = &after[url.len()..];
        }
        f.write_str(rest)
    }
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>' | '`')
}

/// `url` is what follows `://`.
fn write_url(f: &mut fmt::Formatter<'_>, url: &str) -> fmt::Result {
    let authority_end = url.find(['/', '?', '#']).unwrap_or(url.len());
    // A carelessly written password may hold an `@`: the last one ends it.
    let (authority, tail) = url.split_at(authority_end);
    match authority.rsplit_once('@') {
        Some((login, host)) => match login.split_once(':') {
            Some((user, _)) => write!(f, "{user}:{MASK}@{host}")?,
            None => f.write_str(authority)?,
        },
        None => f.write_str(authority)?,
    }
    let Some((path, query)) = tail.split_once('?') else {
        return f.write_str(tail);
    };
    write!(f, "{path}?")?;
    for (index, pair) in query.split('&').enumerate() {
        if index > 0 {
            f.write_str("&")?;
        }
        match pair.split_once('=') {
            Some((key, _)) if names_secret(key) => write!(f, "{key}={MASK}")?,
            _ => f.write_str(pair)?,
        }
    }
    Ok(())
}

/// Many cameras take their login in the query.
fn names_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["pass", "pwd", "token", "secret", "key", "auth"]
        .iter()
        .any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_urls_are_masked_and_all_else_is_kept() {
        for (text, shown) in [
            ("no url: at all @ here", "no url: at all @ here"),
            ("http://cam/?action=stream", "http://cam/?action=stream"),
            ("http://me:pw@cam:80/s", "http://me:***@cam:80/s"),
            ("http://me@cam/s", "http://me@cam/s"),
            ("http://me:p@w@cam", "http://me:***@cam"),
            ("http://cam/a@b:c", "http://cam/a@b:c"),
            (
                "http://cam/s?user=me&pwd=x&n=1&Token=y",
                "http://cam/s?user=me&pwd=***&n=1&Token=***",
            ),
            (
                "Input #0, from 'rtsp://me:pw@a/b': and http://x:y@z",
                "Input #0, from 'rtsp://me:***@a/b': and http://x:***@z",
            ),
            ("ends in ://", "ends in ://"),
        ] {
            assert_eq!(Masked(text).to_string(), shown);
        }
    }
}
