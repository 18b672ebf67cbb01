//! A file is read from top to bottom: none is longer than 500 lines.

use super::Problem;
use super::tree::Tree;

const MOST: usize = 500;

/// Every Rust file that is too long.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    tree.with_extension("rs")
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            (lines > MOST).then(|| {
                Problem::new(
                    path,
                    format!("{lines} lines, {MOST} at most"),
                    "split it by concern; long tests go to a sibling `<name>/tests.rs`",
                )
                .at(MOST + 1)
            })
        })
        .collect()
}

/// How long files are: one line.
pub(crate) fn summary(tree: &Tree) -> String {
    let mut lengths: Vec<usize> = tree
        .with_extension("rs")
        .map(|(_, text)| text.lines().count())
        .collect();
    lengths.sort_unstable();
    format!(
        "{} Rust files, lines: median {}, p90 {}, longest {}",
        lengths.len(),
        percentile(&lengths, 50),
        percentile(&lengths, 90),
        lengths.last().copied().unwrap_or(0)
    )
}

/// By nearest rank, of sorted values; 0 of none.
fn percentile(sorted: &[usize], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_hundred_is_fine_and_one_more_is_not() {
        let tree = Tree::of(&[
            ("ok.rs", "x\n".repeat(500).as_str()),
            ("long.rs", "x\n".repeat(501).as_str()),
            ("long.md", "x\n".repeat(9_000).as_str()),
        ]);
        let found = check(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].file, "long.rs");
    }

    #[test]
    fn percentiles_by_nearest_rank() {
        let values: Vec<usize> = (1..=10).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 90)), (5, 9));
        assert_eq!(percentile(&[], 90), 0);
        assert_eq!(percentile(&[7], 90), 7);
    }
}
