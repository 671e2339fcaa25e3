//! Bytes that are made in parallel and written in order.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};

/// Rows that one buffer holds: enough that opening the snapshot for each is not felt.
const ROWS: usize = 8192;
/// Buffers that wait for those before them, for each thread.
const WAITING: usize = 1;

/// The same of each item, made with as many threads as there are cores, in the order of the items.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], of: impl Fn(&T) -> io::Result<R> + Sync) -> io::Result<Vec<R>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let of = &of;
        let workers: Vec<_> = items
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(of).collect::<io::Result<Vec<R>>>()))
            .collect();
        let mut all = Vec::with_capacity(items.len());
        for worker in workers {
            match worker.join() {
                Ok(part) => all.extend(part?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })
}

/// Fills a buffer for each range of rows with as many threads as there are cores, and writes them one after the other.
pub(crate) fn write_in_order(
    n_rows: usize,
    out: &mut dyn Write,
    fill: impl Fn(Range<usize>, &mut Vec<u8>) -> io::Result<()> + Sync,
) -> io::Result<()> {
    let ranges: Vec<Range<usize>> = (0..n_rows).step_by(ROWS).map(|start| start..n_rows.min(start + ROWS)).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(ranges.len());
    std::thread::scope(|scope| {
        // Thread `n` makes every `threads`th buffer: whose turn it is needs no word between them.
        let receivers: Vec<Receiver<io::Result<Vec<u8>>>> = (0..threads)
            .map(|n| {
                let (sender, receiver) = sync_channel(WAITING);
                let (ranges, fill) = (&ranges, &fill);
                scope.spawn(move || {
                    let mut size = 0;
                    for range in ranges.iter().skip(n).step_by(threads) {
                        // As large as the one before: a buffer that grows is copied again and again.
                        let mut buffer = Vec::with_capacity(size);
                        let filled = fill(range.clone(), &mut buffer).map(|()| buffer);
                        size = filled.as_ref().map_or(0, |buffer| buffer.len() + buffer.len() / 16);
                        let failed = filled.is_err();
                        // Nobody listens after an error.
                        if sender.send(filled).is_err() || failed {
                            return;
                        }
                    }
                });
                receiver
            })
            .collect();
        for receiver in receivers.iter().cycle().take(ranges.len()) {
            let buffer = receiver.recv().map_err(|_| io::Error::other("a thread ended without its rows"))??;
            out.write_all(&buffer)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n_rows: usize, fails_at: Option<usize>) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        write_in_order(n_rows, &mut out, |range, buffer| {
            for at in range {
                if Some(at) == fails_at {
                    return Err(io::Error::other("broken"));
                }
                writeln!(buffer, "{at}")?;
            }
            Ok(())
        })?;
        Ok(out)
    }

    #[test]
    fn rows_come_in_order_whatever_their_number() {
        for n_rows in [0, 1, ROWS, ROWS + 1, 7 * ROWS + 3] {
            let text = String::from_utf8(numbers(n_rows, None).unwrap()).unwrap();
            assert!(text.lines().map(|line| line.parse::<usize>().unwrap()).eq(0..n_rows), "{n_rows}");
        }
    }

    #[test]
    fn an_error_in_any_range_is_the_end() {
        for at in [0, ROWS + 5, 4 * ROWS] {
            assert_eq!(numbers(5 * ROWS, Some(at)).unwrap_err().to_string(), "broken");
        }
    }
}
