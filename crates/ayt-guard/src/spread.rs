//! Work on many connections, spread over the cores.

use std::thread;

/// How many threads work on `len` connections: one on fewer than `alone`, else as many
/// as there are cores.
pub(crate) fn threads(len: usize, alone: usize) -> usize {
    match thread::available_parallelism() {
        Ok(cores) if len >= alone => cores.get(),
        _ => 1,
    }
}

/// What `work` makes of all items, in their order; it is given them in parts, one a
/// thread.
pub(crate) fn spread<T: Sync, R: Send>(
    items: &[T],
    alone: usize,
    work: impl Fn(&[T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let threads = threads(items.len(), alone);
    if threads == 1 {
        return work(items);
    }
    let work = &work;
    thread::scope(|scope| {
        let workers: Vec<_> = items
            .chunks(items.len().div_ceil(threads).max(1))
            .map(|part| scope.spawn(move || work(part)))
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| {
                let done = worker.join();
                done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once_and_in_order() {
        for len in [0, 1, 2, 3, 7, 1_000] {
            let items: Vec<usize> = (0..len).collect();
            for alone in [0, 3, usize::MAX] {
                let doubled = spread(&items, alone, |part| {
                    part.iter().map(|item| item * 2).collect()
                });
                let expected: Vec<usize> = items.iter().map(|item| item * 2).collect();
                assert_eq!(doubled, expected, "{len} items, alone below {alone}");
            }
        }
    }
}
