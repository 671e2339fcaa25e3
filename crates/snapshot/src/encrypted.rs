//! Snapshots encrypted with age. They are decrypted into SQLite's memory, where every thread opens them; no plain copy is written to read one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use age::armor::ArmoredReader;
use age::{Decryptor, Encryptor, Identity, IdentityFile};
use rusqlite::backup::Backup;
use rusqlite::{Connection, MAIN_DB};

use crate::read_error::ReadError;

/// What an encrypted snapshot is called after its own name.
const ENCRYPTED: &str = "age";

/// How files begin that age wrote, in binary or as text.
const BEGINNINGS: [&[u8]; 2] = [b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----"];

/// SQLite keeps no more than this in memory.
const MOST: usize = 1 << 30;

/// Pages that are copied at once.
const PAGES: std::ffi::c_int = 10_000;

/// Whom a snapshot is encrypted to: each of them can read it.
#[derive(Clone, Default)]
pub struct Recipients(Vec<age::x25519::Recipient>);

impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Recipients").field(&self.0.len()).finish()
    }
}

impl Recipients {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// As age writes them.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Adds a recipient as `age-keygen` prints it: `age1...`. False: it is none.
    pub fn add(&mut self, text: &str) -> bool {
        let recipient = text.parse().ok();
        self.0.extend(recipient.clone());
        recipient.is_some()
    }

    /// Adds those of a file, one a line, with comments; the number of a line that is none is the error.
    pub fn add_lines(&mut self, text: &str) -> Result<(), usize> {
        let lines = text.lines().zip(1..).map(|(line, number)| (line.trim(), number));
        for (line, number) in lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
            if !self.add(line) {
                return Err(number);
            }
        }
        Ok(())
    }
}

/// Writes a closed snapshot once more, encrypted, beside itself. What was there before is replaced when all of it is on the disk.
pub fn encrypt(path: &Path, recipients: &Recipients) -> io::Result<PathBuf> {
    let target = encrypted_path(path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let prefix = format!("{}{}-", crate::write::TEMPORARY, std::process::id());
    let mut begun = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder)?;
    let recipients = recipients.0.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
    let mut out = encryptor.wrap_output(begun.as_file_mut())?;
    io::copy(&mut fs_err::File::open(path)?, &mut out)?;
    out.finish()?.sync_all()?;
    begun.persist(&target).map_err(|error| error.error)?;
    // A rename is on the disk when its folder is. Not every file system can be asked for that.
    let _ = fs_err::File::open(folder).and_then(|folder| folder.sync_all());
    Ok(target)
}

/// `snapshot.db.age` for `snapshot.db`.
pub fn encrypted_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ENCRYPTED);
    name.into()
}

/// Whether age wrote the file.
pub fn is_encrypted(path: &Path) -> bool {
    let most = BEGINNINGS.iter().map(|beginning| beginning.len()).max().unwrap_or(0);
    let mut start = Vec::new();
    let read = fs_err::File::open(path).and_then(|file| file.take(most as u64).read_to_end(&mut start));
    read.is_ok() && BEGINNINGS.iter().any(|beginning| start.starts_with(beginning))
}

/// The process's key file, as its credentials are the process's.
static IDENTITIES: OnceLock<PathBuf> = OnceLock::new();

/// Names the file with the identities that open encrypted snapshots. It is read when one is met.
pub fn open_with(identities: PathBuf) {
    let _ = IDENTITIES.set(identities);
}

/// Whether encrypted snapshots can be opened at all.
pub fn has_identities() -> bool {
    IDENTITIES.get().is_some()
}

/// What was decrypted, by its file: in memory as long as the process lives.
static OPENED: Mutex<BTreeMap<PathBuf, InMemory>> = Mutex::new(BTreeMap::new());

struct InMemory {
    uri: String,
    /// What is in memory goes with its last connection.
    _keeps: Connection,
}

/// The address under which SQLite finds a decrypted snapshot in this process's memory.
pub(crate) fn in_memory(path: &Path) -> Result<String, ReadError> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = opened.get(path) {
        return Ok(known.uri.clone());
    }
    let plain = decrypt(path)?;
    let sqlite = |source| ReadError::Sqlite { path: path.to_owned(), source };
    let in_memory = load(&plain).map_err(sqlite)?;
    let uri = in_memory.uri.clone();
    opened.insert(path.to_owned(), in_memory);
    Ok(uri)
}

fn decrypt(path: &Path) -> Result<Vec<u8>, ReadError> {
    let keys = IDENTITIES.get().ok_or_else(|| ReadError::Encrypted(path.to_owned()))?;
    let identities = identities(keys)?;
    let not_opened = |why: String| ReadError::NotDecrypted { path: path.to_owned(), keys: keys.clone(), why };
    let read = |error: io::Error| not_opened(error.to_string());
    let file = BufReader::new(File::from(fs_err::File::open(path).map_err(read)?));
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(file)).map_err(|error| not_opened(error.to_string()))?;
    let identities = identities.iter().map(|identity| &**identity as &dyn Identity);
    let mut plain = Vec::new();
    let reader = decryptor.decrypt(identities).map_err(|error| not_opened(error.to_string()))?;
    reader.take(MOST as u64 + 1).read_to_end(&mut plain).map_err(read)?;
    if plain.len() > MOST {
        return Err(not_opened("it is larger than a gibibyte: decrypt it with age, and name the file".to_owned()));
    }
    Ok(plain)
}

fn identities(path: &Path) -> Result<Vec<Box<dyn Identity>>, ReadError> {
    let bad = |why: String| ReadError::BadIdentities { path: path.to_owned(), why };
    let file = fs_err::File::open(path).map_err(|error| bad(error.to_string()))?;
    // What is not a key is named by its line, never by what it holds.
    let file = IdentityFile::from_buffer(BufReader::new(file));
    let file = file.map_err(|_| bad("a line of it is no identity: AGE-SECRET-KEY-1...".to_owned()))?;
    file.into_identities().map_err(|error| bad(error.to_string()))
}

/// Puts a database where every connection of this process finds it.
fn load(plain: &[u8]) -> rusqlite::Result<InMemory> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let uri = format!("file:/scangap-{}?vfs=memdb", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut from = Connection::open_in_memory()?;
    from.deserialize_read_exact(MAIN_DB, plain, plain.len(), true)?;
    let mut keeps = Connection::open(&uri)?;
    Backup::new(&from, &mut keeps)?.run_to_completion(PAGES, Duration::ZERO, None)?;
    Ok(InMemory { uri, _keeps: keeps })
}
