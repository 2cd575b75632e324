//! What Windows allows as a file name; every other system we write to allows more.
//!
//! Source: Microsoft, "Naming Files, Paths, and Namespaces".

/// Whether `c` may not stand in a name.
pub(super) fn is_forbidden(c: char) -> bool {
    c.is_control() || r#"<>:"/\|?*"#.contains(c)
}

/// `name`, with an underscore where it is a device's. A device's name is taken with any extension, too.
pub(super) fn legal(mut name: String) -> String {
    let stem_end = name.find('.').unwrap_or(name.len());
    if is_device(&name[..stem_end]) {
        name.insert(stem_end, '_');
    }
    name
}

fn is_device(stem: &str) -> bool {
    let stem = stem.trim_end_matches(' ').to_ascii_uppercase();
    if matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) {
        return true;
    }
    let Some(port) = stem
        .strip_prefix("COM")
        .or_else(|| stem.strip_prefix("LPT"))
    else {
        return false;
    };
    let mut port = port.chars();
    // Windows reads the superscripts of Latin-1 as digits.
    let is_digit = |c: char| c.is_ascii_digit() || "¹²³".contains(c);
    port.next().is_some_and(is_digit) && port.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_get_an_underscore_before_the_extension() {
        for (name, expected) in [
            ("CON", "CON_"),
            ("con", "con_"),
            ("nul.tar.gz", "nul_.tar.gz"),
            ("COM0", "COM0_"),
            ("lpt9.jpg", "lpt9_.jpg"),
            ("COM¹.jpg", "COM¹_.jpg"),
            ("CONOUT$", "CONOUT$_"),
            ("aux .jpg", "aux _.jpg"),
        ] {
            assert_eq!(legal(name.to_owned()), expected);
        }
    }

    #[test]
    fn names_that_only_look_like_devices_stay() {
        for name in [
            "COM",
            "COM10",
            "CON-",
            "console",
            "front-door",
            "1CON",
            ".CON",
        ] {
            assert_eq!(legal(name.to_owned()), name);
        }
    }
}
