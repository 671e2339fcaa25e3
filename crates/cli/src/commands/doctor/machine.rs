//! What this machine has: room, files, and the way to AWS.

use scangap_access::Check;
use scangap_model::sanitize;

use crate::args::{CALLS_IN_FLIGHT, Doctor};
use crate::commands::audit::introduction;
use crate::environment;
use crate::open_files;
use crate::store::without_password;

/// A snapshot with the reports of a large organization.
const ROOM: u64 = 2 * GIB;
/// Of a small one.
const ROOM_MIN: u64 = GIB / 8;
const GIB: u64 = 1024 * 1024 * 1024;

pub(super) fn checks(command: &Doctor) -> Vec<Check> {
    let mut all = Vec::new();
    all.extend(room());
    all.push(match open_files::short_of(usize::from(CALLS_IN_FLIGHT)) {
        None => Check::ok("open files", "enough"),
        Some(short) => Check::warn(
            "open files",
            format!("{} may be open, and {CALLS_IN_FLIGHT} calls in flight may need {}", short.may, short.need),
            format!("raise the hard limit (`ulimit -Hn`), or use --max-in-flight {}", short.fits),
        ),
    });
    all.push(network(command));
    all
}

/// The endpoint that is named, without a password.
pub(super) fn endpoint(command: &Doctor) -> Option<String> {
    introduction::endpoint(&command.aws).map(|url| sanitize(&without_password(&url)))
}

/// How calls reach AWS, and whose certificates they trust.
fn network(command: &Doctor) -> Check {
    let proxy = introduction::proxy_in_words(&command.aws);
    let bundle = command.aws.ca_bundle.clone().or_else(|| environment::variable("AWS_CA_BUNDLE").map(Into::into));
    let trusts = match &bundle {
        None => "this system's certificate authorities".to_owned(),
        Some(path) => format!("the certificate authorities of {}", sanitize(&path.to_string_lossy())),
    };
    let way = if proxy.is_empty() { "no proxy".to_owned() } else { sanitize(proxy.trim()) };
    let found = format!("{way}, {trusts}");
    match bundle.filter(|path| !path.is_file()) {
        Some(_) => {
            Check::fail("network", found, "there is no such file: name a PEM file with --ca-bundle or AWS_CA_BUNDLE")
        }
        None => Check::ok("network", found),
    }
}

/// The room in the folder that an audit would write to: this one.
#[cfg(target_os = "linux")]
fn room() -> Option<Check> {
    let free = rustix::fs::statvfs(".").ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))?;
    let found = format!("{:.1} GiB free in this folder", free as f64 / GIB as f64);
    let fix =
        "make room, or name another folder with --out: a snapshot takes about 1 KB a repository, its reports as much";
    Some(if free < ROOM_MIN {
        Check::fail("disk", found, fix)
    } else if free < ROOM {
        Check::warn("disk", found, fix)
    } else {
        Check::ok("disk", found)
    })
}

#[cfg(not(target_os = "linux"))]
fn room() -> Option<Check> {
    None
}
