//! What a program says on its standard error, cut into lines that fit a log.

/// Longer lines are cut: a program gone wild shall not fill the memory.
const MAX_LINE_BYTES: usize = 1024;

/// A line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A message.
    Message(String),
    /// One that the next will overwrite on a terminal (it ended in a bare CR): a progress display.
    Progress(String),
}

/// Cuts text into lines as it arrives.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    /// The last byte was a CR: what follows says whether that ended a message or a progress line.
    returned: bool,
}

impl Lines {
    /// Gives every line that `chunk` completes.
    pub(super) fn push(&mut self, chunk: &[u8], mut give: impl FnMut(Line)) {
        for &byte in chunk {
            if self.returned && byte != b'\n' {
                self.take().map(Line::Progress).map(&mut give);
            }
            self.returned = byte == b'\r';
            match byte {
                b'\n' => {
                    self.take().map(Line::Message).map(&mut give);
                }
                b'\r' => {}
                _ if self.line.len() < MAX_LINE_BYTES => self.line.push(byte),
                _ => {}
            }
        }
    }

    /// The line that has no end yet.
    pub(super) fn finish(&mut self) -> Option<Line> {
        self.take().map(Line::Message)
    }

    /// Control characters are left out: they could drive the terminal that shows our log.
    fn take(&mut self) -> Option<String> {
        let text: String = String::from_utf8_lossy(&self.line)
            .chars()
            .filter(|c| !c.is_control())
            .collect();
        self.line.clear();
        let text = text.trim_end();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<Line> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for chunk in chunks {
            lines.push(chunk, |line| found.push(line));
        }
        found.extend(lines.finish());
        found
    }

    fn message(text: &str) -> Line {
        Line::Message(text.into())
    }

    #[test]
    fn lines_are_told_from_progress_displays_however_they_are_cut() {
        let text = b"one\r\n\ntwo\nframe 1\rframe 2\rlast";
        let expected = [
            message("one"),
            message("two"),
            Line::Progress("frame 1".into()),
            Line::Progress("frame 2".into()),
            message("last"),
        ];
        assert_eq!(lines(&[text]), expected);
        let single: Vec<_> = text.chunks(1).collect();
        assert_eq!(lines(&single), expected);
    }

    #[test]
    fn a_line_is_bounded_and_holds_nothing_that_drives_a_terminal() {
        assert_eq!(lines(&[b"a\x1b[31mb\xff\n"]), [message("a[31mb\u{fffd}")]);
        assert_eq!(lines(&[&[b'x'; 5000]]), [message(&"x".repeat(1024))]);
    }
}
