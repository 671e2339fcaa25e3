//! A file's text, and the places in it.

use std::io;

/// Bytes of a text: the first, and the one after the last.
pub type Span = (usize, usize);

/// Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as it was named or found.
    pub file: String,
    pub line: usize,
    pub column: usize,
}

/// A file that was read, or the files of one Terraform module one after the other.
#[derive(Debug)]
pub struct Source {
    pub text: String,
    /// Each with where it begins.
    files: Vec<(usize, String)>,
    line_starts: Vec<usize>,
    /// Then columns need no counting: a plan may be one line of megabytes.
    is_ascii: bool,
}

impl Source {
    pub fn new(name: impl Into<String>, text: String) -> Self {
        Self::joined([(name.into(), text)])
    }

    pub fn joined(all: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut joined = Self { text: String::new(), files: Vec::new(), line_starts: Vec::new(), is_ascii: false };
        for (name, text) in all {
            let start = joined.text.len();
            joined.files.push((start, name));
            let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| start + at + 1);
            joined.line_starts.push(start);
            joined.line_starts.extend(starts);
            joined.text.push_str(&text);
            // The next file's first line is not this one's last.
            joined.text.push('\n');
        }
        joined.text.pop();
        joined.is_ascii = joined.text.is_ascii();
        joined
    }

    /// Each file with the place of its text.
    pub fn files(&self) -> impl Iterator<Item = (&str, Span)> {
        self.files.iter().enumerate().map(|(at, (start, name))| {
            let end = self.files.get(at + 1).map_or(self.text.len(), |(next, _)| next - 1);
            (name.as_str(), (*start, end))
        })
    }

    pub fn place(&self, offset: usize) -> Place {
        let file = self.files.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        let (begins, name) = self.files.get(file).map_or((0, ""), |(start, name)| (*start, name.as_str()));
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let of_files_before = self.line_starts.partition_point(|start| *start < begins);
        let start = line.checked_sub(1).and_then(|at| self.line_starts.get(at)).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        let column = if self.is_ascii { before.len() } else { before.chars().count() } + 1;
        Place { file: name.to_owned(), line: (line - of_files_before).max(1), column }
    }

    /// The bytes of the line that an offset is in, without its end.
    pub fn line(&self, offset: usize) -> Span {
        let at = self.line_starts.partition_point(|start| *start <= offset);
        let start = at.checked_sub(1).and_then(|at| self.line_starts.get(at)).copied().unwrap_or(0);
        let end = self.line_starts.get(at).map_or(self.text.len(), |next| next - 1);
        (start, end)
    }
}

/// Files as people have them: UTF-8 with or without a byte order mark, or UTF-16, as some shells redirect.
/// The flag says that it was UTF-16.
pub fn decode(bytes: &[u8]) -> io::Result<(String, bool)> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("the file is not {what}"));
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, odd) = rest.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        let text = String::from_utf16(&units).ok().filter(|_| odd.is_empty());
        text.map(|text| (text, true)).ok_or_else(|| wrong("UTF-16, as its byte order mark says"))
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] | rest => {
            std::str::from_utf8(rest).map(|text| (text.to_owned(), false)).map_err(|_| wrong("UTF-8"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let place = |file: &str, line, column| Place { file: file.to_owned(), line, column };
        let source = Source::new("x", "a\r\n日本x\n".to_owned());
        assert_eq!(source.place(0), place("x", 1, 1));
        assert_eq!(source.place(source.text.find('x').unwrap()), place("x", 2, 3));
        assert_eq!(source.place(source.text.len()), place("x", 3, 1));
        let source = Source::joined([("a".to_owned(), "1\n2".to_owned()), ("b".to_owned(), "3\n4\n".to_owned())]);
        for (text, file, line) in [("1", "a", 1), ("2", "a", 2), ("3", "b", 1), ("4", "b", 2)] {
            let at = source.text.find(text).unwrap();
            assert_eq!(source.place(at), place(file, line, 1));
            assert_eq!(source.line(at), (at, at + 1));
        }
        let files: Vec<_> =
            source.files().map(|(name, (start, end))| (name, source.text.get(start..end).unwrap())).collect();
        assert_eq!(files, [("a", "1\n2"), ("b", "3\n4\n")]);
    }

    #[test]
    fn what_shells_redirect_is_read() {
        assert_eq!(decode(b"\xEF\xBB\xBF{}").unwrap(), ("{}".to_owned(), false));
        assert_eq!(decode(b"\xFF\xFE{\0}\0").unwrap(), ("{}".to_owned(), true));
        assert_eq!(decode(b"\xFE\xFF\0{\0}").unwrap(), ("{}".to_owned(), true));
        for bytes in [&b"\xFF"[..], b"\xFF\xFE{", b"a\x80"] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
