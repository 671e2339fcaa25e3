//! Which file a path on the command line means.

use std::path::{Path, PathBuf};

use scangap_snapshot::encrypted_path;

/// The file that a path means: the folder that a command wrote is as good as its file in it, encrypted or not.
pub(crate) fn file_in(path: &Path, name: &str) -> PathBuf {
    if !path.is_dir() {
        return path.to_owned();
    }
    let plain = path.join(name);
    let encrypted = encrypted_path(&plain);
    if !plain.exists() && encrypted.exists() { encrypted } else { plain }
}
