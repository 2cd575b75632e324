//! Whether the same program runs on this machine already, under the same name.

/// Another process of this program that bears `name` in its command line or environment, or whose environment is not
/// ours to read. Only Linux can tell; elsewhere, and in another container, none is seen.
#[must_use]
pub fn running_as(name: &str) -> Option<u32> {
    #[cfg(target_os = "linux")]
    {
        linux::running_as(std::path::Path::new("/proc"), std::process::id(), name)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = name;
        None
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::path::Path;

    /// [`super::running_as`] for a `/proc` that may be elsewhere.
    pub(super) fn running_as(proc: &Path, own: u32, name: &str) -> Option<u32> {
        let program = |process: &Path| fs::read(process.join("comm")).ok();
        let ours = program(&proc.join(own.to_string()))?;
        fs::read_dir(proc)
            .ok()?
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let id: u32 = entry.file_name().to_str()?.parse().ok()?;
                Some((id, entry.path()))
            })
            .filter(|(id, process)| *id != own && program(process).as_ref() == Some(&ours))
            .find(|(_, process)| bears(process, name))
            .map(|(id, _)| id)
    }

    fn bears(process: &Path, name: &str) -> bool {
        let read = |file: &str| fs::read(process.join(file));
        // One that has ended, and whose parent has not asked for it yet, has no command line any more.
        let Some(words) = read("cmdline").ok().filter(|words| !words.is_empty()) else {
            return false;
        };
        has(&words, name) || read("environ").map_or(true, |variables| has(&variables, name))
    }

    /// Whether a word is `name`, or ends with `=` and it.
    fn has(words: &[u8], name: &str) -> bool {
        words
            .split(|byte| *byte == 0)
            .any(|word| word.rsplit(|byte| *byte == b'=').next() == Some(name.as_bytes()))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn process(proc: &Path, id: u32, files: &[(&str, &str)]) {
            let folder = proc.join(id.to_string());
            fs::create_dir(&folder).unwrap();
            for (name, content) in files {
                fs::write(folder.join(name), content).unwrap();
            }
        }

        #[test]
        fn only_a_process_of_the_same_program_and_name_counts() {
            let folder = tempfile::tempdir().unwrap();
            let proc = folder.path();
            let ours = ("comm", "frame-publisher\n");
            process(
                proc,
                1,
                &[ours, ("cmdline", "p\0--username\0nest\0"), ("environ", "")],
            );
            assert_eq!(running_as(proc, 1, "nest"), None);
            process(
                proc,
                2,
                &[
                    ("comm", "sleep\n"),
                    ("cmdline", "x\0nest\0"),
                    ("environ", ""),
                ],
            );
            process(
                proc,
                3,
                &[ours, ("cmdline", "p\0--username\0nest2\0"), ("environ", "")],
            );
            assert_eq!(running_as(proc, 1, "nest"), None);
            assert_eq!(running_as(proc, 1, "nest2"), Some(3));
            process(
                proc,
                4,
                &[
                    ours,
                    ("cmdline", "p\0"),
                    ("environ", "A=1\0FRAMEBRIDGE_USERNAME=nest\0"),
                ],
            );
            assert_eq!(running_as(proc, 1, "nest"), Some(4));
        }

        #[test]
        fn one_whose_environment_is_hidden_may_be_it() {
            let folder = tempfile::tempdir().unwrap();
            let ours = ("comm", "frame-publisher\n");
            process(folder.path(), 1, &[ours]);
            // This one has ended.
            process(folder.path(), 3, &[ours, ("cmdline", "")]);
            assert_eq!(running_as(folder.path(), 1, "nest"), None);
            process(folder.path(), 2, &[ours, ("cmdline", "p\0")]);
            assert_eq!(running_as(folder.path(), 1, "nest"), Some(2));
        }
    }
}
