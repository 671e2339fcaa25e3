//! What this machine has: room, files, and the way to AWS.

use scangap_access::Check;
use scangap_model::sanitize;

use crate::args::{CALLS_IN_FLIGHT, Doctor};
use crate::environment;
use crate::open_files;

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
    all.push(Check::ok("way", way(command)));
    all
}

/// How calls reach AWS: nothing of it is secret but what may stand before an `@`.
fn way(command: &Doctor) -> String {
    let text = |name: &str| environment::variable(name).map(|value| value.to_string_lossy().into_owned());
    let proxy = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"].iter().find_map(|name| text(name));
    let proxy = proxy.map(|url| format!("through the proxy {}", sanitize(url.rsplit('@').next().unwrap_or_default())));
    let bundle =
        command.aws.ca_bundle.as_ref().map(|path| path.display().to_string()).or_else(|| text("AWS_CA_BUNDLE"));
    let bundle = bundle.map(|path| format!("certificate authorities of {}", sanitize(&path)));
    let parts: Vec<String> = proxy.into_iter().chain(bundle).collect();
    if parts.is_empty() { "straight, with this system's certificate authorities".to_owned() } else { parts.join(", ") }
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
