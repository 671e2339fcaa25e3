//! Files that are damaged in every way: never a panic, never a place outside of the file.

#![expect(clippy::expect_used, reason = "tests")]

mod common;

use std::path::Path;

use proptest::prelude::*;

/// The files of the gate's cases.
fn files() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/gate");
    let mut files = Vec::new();
    for entry in fs_err::read_dir(folder).expect("the cases") {
        let text = fs_err::read_to_string(entry.expect("a file").path()).expect("a case");
        files.extend(text.split("\n--- ").skip(1).filter_map(|file| Some(file.split_once('\n')?.1.to_owned())));
    }
    files.retain(|file| file.len() < 4_000);
    files.sort();
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_damaged_file_is_read_or_refused(at in 0usize..10_000, from in 0usize..4_000, length in 0usize..40, insert in "[\\PC]{0,3}|[{}\\[\\]()\"'`$%&*!|>:#\\\\\n -]{0,6}") {
        let files = files_once();
        let mut text = files[at % files.len()].clone();
        let start = text.floor_char_boundary(from % text.len().max(1));
        let end = text.floor_char_boundary((start + length).min(text.len()));
        text.replace_range(start..end, &insert);
        common::survives(&text);
    }
}

fn files_once() -> &'static [String] {
    static FILES: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    FILES.get_or_init(files)
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_read_or_refused() {
    for file in files_once() {
        for at in (0..file.len()).step_by(1 + file.len() / 97) {
            common::survives(file.get(..file.floor_char_boundary(at)).unwrap());
        }
    }
}
