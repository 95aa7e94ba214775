//! Sorting rows by rank, with scikit-learn's order among equal ranks.
//!
//! Sums of floats depend on their order, and with them which of two equally good splits wins. So the regression trees
//! order equal values just as scikit-learn's sort does: introsort with a pivot from three and a three-way partition,
//! heapsort where that goes quadratic, insertion for short runs. None of the three is stable; what matters is that each
//! swap is made at the same time.
//!
//! # References
//! Musser (1997), *Introspective Sorting and Selection Algorithms*; Bentley and McIlroy (1993), *Engineering a Sort
//! Function*.

/// A row and the rank of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ranked {
    pub(crate) rank: u32,
    pub(crate) row: u32,
}

/// Runs up to this length are sorted by insertion.
const SHORT: usize = 15;

/// Sorts by rank.
pub(crate) fn sort_by_rank(rows: &mut [Ranked]) {
    if let Some(log2) = rows.len().checked_ilog2() {
        introsort(rows, 2 * log2);
    }
}

fn introsort(mut rows: &mut [Ranked], mut depth_left: u32) {
    while rows.len() > SHORT {
        if depth_left == 0 {
            heapsort(rows);
            return;
        }
        depth_left -= 1;
        let (n_less, n_at_most) = partition(rows, median_of_three(rows));
        let (less, rest) = rows.split_at_mut(n_less);
        introsort(less, depth_left);
        rows = &mut rest[n_at_most - n_less..];
    }
    insertion_sort(rows);
}

/// The middle one of the first, middle and last rank.
fn median_of_three(rows: &[Ranked]) -> u32 {
    let (a, b, c) = (rows[0].rank, rows[rows.len() / 2].rank, rows[rows.len() - 1].rank);
    a.min(b).max(a.max(b).min(c))
}

/// Less than the pivot, equal, greater; returns where the second and the third part begin.
fn partition(rows: &mut [Ranked], pivot: u32) -> (usize, usize) {
    let (mut n_less, mut at, mut greater) = (0, 0, rows.len());
    while at < greater {
        match rows[at].rank.cmp(&pivot) {
            std::cmp::Ordering::Less => {
                rows.swap(at, n_less);
                n_less += 1;
                at += 1;
            }
            std::cmp::Ordering::Greater => {
                greater -= 1;
                rows.swap(at, greater);
            }
            std::cmp::Ordering::Equal => at += 1,
        }
    }
    (n_less, greater)
}

fn insertion_sort(rows: &mut [Ranked]) {
    for end in 1..rows.len() {
        let row = rows[end];
        let mut at = end;
        while at > 0 && rows[at - 1].rank > row.rank {
            rows[at] = rows[at - 1];
            at -= 1;
        }
        rows[at] = row;
    }
}

fn heapsort(rows: &mut [Ranked]) {
    for root in (0..=(rows.len() - 2) / 2).rev() {
        sift_down(rows, root);
    }
    for end in (1..rows.len()).rev() {
        rows.swap(0, end);
        sift_down(&mut rows[..end], 0);
    }
}

fn sift_down(heap: &mut [Ranked], mut root: usize) {
    loop {
        let mut largest = root;
        for child in [2 * root + 1, 2 * root + 2] {
            if child < heap.len() && heap[largest].rank < heap[child].rank {
                largest = child;
            }
        }
        if largest == root {
            return;
        }
        heap.swap(root, largest);
        root = largest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(ranks: &[u32], sort: impl Fn(&mut [Ranked])) {
        let mut rows: Vec<Ranked> =
            ranks.iter().enumerate().map(|(row, &rank)| Ranked { rank, row: row as u32 }).collect();
        let before = rows.clone();
        sort(&mut rows);
        assert!(rows.is_sorted_by_key(|row| row.rank), "{ranks:?}");
        rows.sort_by_key(|row| row.row);
        assert_eq!(rows, before, "every row once");
    }

    #[test]
    fn every_part_sorts() {
        let mut generator = crate::random::RandomState::new(3);
        for n in [0, 1, 2, 15, 16, 17, 100, 3000] {
            for max in [0, 1, 7, 5000] {
                let ranks: Vec<u32> = (0..n).map(|_| generator.interval(max)).collect();
                sorted(&ranks, sort_by_rank);
                if n >= 2 {
                    sorted(&ranks, heapsort);
                }
            }
            let rising: Vec<u32> = (0..n).collect();
            sorted(&rising, sort_by_rank);
            let falling: Vec<u32> = (0..n).rev().collect();
            sorted(&falling, sort_by_rank);
        }
    }
}
