//! Random cuts: `train_test_split` and `ShuffleSplit`.

use super::{Fold, check_same_length};
use crate::error::{Error, Result};
use crate::random::RandomState;

/// Rows of the training part and of the test part, in scikit-learn's (shuffled) order.
///
/// With `stratify`, each class has its share in both parts.
///
/// # Errors
/// When a part would be empty, `test_size` is outside (0, 1), or a class has fewer than two rows.
pub fn train_test_split(
    n_rows: usize,
    test_size: f64,
    random_state: u32,
    stratify: Option<&[u32]>,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let (n_train, n_test) = part_sizes(n_rows, test_size)?;
    let mut generator = RandomState::new(random_state);
    let Some(y) = stratify else {
        let fold = draw(n_rows, n_train, n_test, &mut generator);
        return Ok((fold.train, fold.test));
    };
    check_same_length("classes to stratify by", n_rows, y.len())?;
    stratified(y, n_train, n_test, &mut generator)
}

/// Independent random cuts.
#[derive(Clone, Debug)]
pub struct ShuffleSplit {
    /// Number of cuts.
    pub n_splits: usize,
    /// Share of the rows in each test part.
    pub test_size: f64,
    /// Seed.
    pub random_state: u32,
}

impl ShuffleSplit {
    /// The cuts of `n_rows` rows, in shuffled order.
    ///
    /// # Errors
    /// As [`train_test_split`].
    pub fn split(&self, n_rows: usize) -> Result<Vec<Fold>> {
        let (n_train, n_test) = part_sizes(n_rows, self.test_size)?;
        let mut generator = RandomState::new(self.random_state);
        Ok((0..self.n_splits).map(|_| draw(n_rows, n_train, n_test, &mut generator)).collect())
    }
}

fn draw(n_rows: usize, n_train: usize, n_test: usize, generator: &mut RandomState) -> Fold {
    let rows = generator.permutation(n_rows);
    Fold { test: rows[..n_test].to_vec(), train: rows[n_test..n_test + n_train].to_vec() }
}

fn part_sizes(n_rows: usize, test_size: f64) -> Result<(usize, usize)> {
    if !(test_size > 0.0 && test_size < 1.0) {
        return Err(Error::Parameter {
            owner: "train_test_split",
            name: "test_size".to_owned(),
            allowed: "a float in the range (0.0, 1.0)".to_owned(),
            got: test_size.to_string(),
        });
    }
    let n_test = (test_size * n_rows as f64).ceil() as usize;
    let n_train = n_rows.saturating_sub(n_test);
    if n_train == 0 {
        return Err(Error::Data(format!(
            "With n_samples={n_rows}, test_size={test_size} and train_size=None, the resulting train set will be empty. Adjust any of the aforementioned parameters."
        )));
    }
    Ok((n_train, n_test))
}

fn stratified(
    y: &[u32],
    n_train: usize,
    n_test: usize,
    generator: &mut RandomState,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let (codes, n_classes) = super::codes_ascending(y);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); n_classes];
    for (row, &code) in codes.iter().enumerate() {
        members[code].push(row);
    }
    if let Some(class) = members.iter().position(|rows| rows.len() < 2) {
        let value = y[members[class][0]];
        return Err(Error::Data(format!(
            "The least populated classes in y have only 1 member, which is too few. The minimum number of groups for any class cannot be less than 2. Classes with too few members are: [{value}]"
        )));
    }
    for (what, size) in [("train_size", n_train), ("test_size", n_test)] {
        if size < n_classes {
            return Err(Error::Data(format!(
                "The {what} = {size} should be greater or equal to the number of classes = {n_classes}"
            )));
        }
    }
    let counts: Vec<usize> = members.iter().map(Vec::len).collect();
    let train_counts = approximate_mode(&counts, n_train, generator);
    let rest: Vec<usize> = counts.iter().zip(&train_counts).map(|(all, taken)| all - taken).collect();
    let test_counts = approximate_mode(&rest, n_test, generator);

    let (mut train, mut test) = (Vec::with_capacity(n_train), Vec::with_capacity(n_test));
    for (class, rows) in members.iter().enumerate() {
        let order = generator.permutation(rows.len());
        let (for_train, others) = order.split_at(train_counts[class]);
        train.extend(for_train.iter().map(|&place| rows[place]));
        test.extend(others[..test_counts[class]].iter().map(|&place| rows[place]));
    }
    generator.shuffle(&mut train);
    generator.shuffle(&mut test);
    Ok((train, test))
}

/// The most likely counts when `n_draws` rows are drawn from classes of the given sizes; ties are broken at random.
fn approximate_mode(counts: &[usize], n_draws: usize, generator: &mut RandomState) -> Vec<usize> {
    let total: usize = counts.iter().sum();
    let exact: Vec<f64> = counts.iter().map(|&count| count as f64 / total as f64 * n_draws as f64).collect();
    let mut drawn: Vec<usize> = exact.iter().map(|value| value.floor() as usize).collect();
    let mut missing = n_draws - drawn.iter().sum::<usize>();
    let remainder: Vec<f64> = exact.iter().map(|value| value - value.floor()).collect();
    let mut levels = remainder.clone();
    levels.sort_unstable_by(|a, b| b.total_cmp(a));
    levels.dedup();
    for level in levels {
        if missing == 0 {
            break;
        }
        let tied: Vec<usize> = (0..counts.len()).filter(|&class| remainder[class].total_cmp(&level).is_eq()).collect();
        let n = tied.len().min(missing);
        for place in generator.choice_without_replacement(tied.len(), n) {
            drawn[tied[place]] += 1;
        }
        missing -= n;
    }
    drawn
}
