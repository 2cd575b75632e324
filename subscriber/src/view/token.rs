//! The word that opens the page to whoever is not at this machine.

use std::env::VarError;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use runtime::program::UsageError;
use subtle::ConstantTimeEq as _;

/// Holds the token, where a file is not wanted. There is no flag for it: process lists show flags.
const VARIABLE: &str = "FRAMEBRIDGE_VIEW_TOKEN";

/// Nobody guesses so many characters.
const FEWEST_CHARACTERS: usize = 16;

/// A secret of characters that a cookie may have.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    /// The one in `file` or, without it, in the variable; `None` if there is neither.
    pub(super) fn read(file: Option<&Path>) -> anyhow::Result<Option<Self>> {
        let text = match file {
            // Editors end a line that is not part of the token.
            Some(path) => fs::read_to_string(path)
                .with_context(|| format!("cannot read the token file {}", path.display()))?
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
            None => match std::env::var(VARIABLE) {
                Ok(text) => text,
                Err(VarError::NotPresent) => return Ok(None),
                // Somebody wants a token: what is none must not leave the page open.
                Err(VarError::NotUnicode(_)) => String::new(),
            },
        };
        Ok(Some(Self::new(text)?))
    }

    fn new(text: String) -> Result<Self, UsageError> {
        let is_usable = |byte: u8| byte.is_ascii_graphic() && !br#"",;\"#.contains(&byte);
        if text.len() < FEWEST_CHARACTERS || !text.bytes().all(is_usable) {
            return Err(UsageError(format!(
                "the page's token must be at least {FEWEST_CHARACTERS} letters, digits and signs without spaces, quotes, \
                 commas, semicolons or backslashes: `openssl rand -hex 16` makes one"
            )));
        }
        Ok(Self(text))
    }

    /// Whether `said` is it. How long that takes says nothing of how much of it is right.
    pub(super) fn is(&self, said: &str) -> bool {
        self.0.as_bytes().ct_eq(said.as_bytes()).into()
    }

    /// The token itself, for a cookie that has it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(...)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_it_and_it_is_not_shown() {
        let token = Token::new("0123456789abcdef".to_owned()).unwrap();
        assert!(token.is("0123456789abcdef"));
        for wrong in [
            "",
            "0123456789abcde",
            "0123456789abcdef0",
            "0123456789abcdeF",
        ] {
            assert!(!token.is(wrong), "{wrong}");
        }
        assert!(!format!("{token:?}").contains("0123"));
    }

    #[test]
    fn what_is_easy_to_guess_or_no_cookie_may_have_is_refused() {
        for wrong in [
            "",
            "hunter2",
            "0123456789 abcdef",
            "0123456789abcde;",
            "0123456789abcdeü",
        ] {
            assert!(Token::new(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_the_first_line_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        assert!(Token::read(Some(&file)).is_err());
        fs::write(&file, "0123456789abcdef\r\n").unwrap();
        assert!(
            Token::read(Some(&file))
                .unwrap()
                .unwrap()
                .is("0123456789abcdef")
        );
    }
}
