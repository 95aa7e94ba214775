//! NumPy's legacy random generator (`numpy.random.RandomState`), draw for draw.
//!
//! scikit-learn's results depend on the order and the kind of its draws, so each method names the NumPy call that it
//! follows. Only what scikit-learn's splits and forests use is here.
//!
//! # References
//! Matsumoto and Nishimura (1998), *Mersenne Twister*; NumPy's stream compatibility policy (NEP 19).

use rand_mt::Mt;

/// A seeded MT19937 generator with NumPy's legacy distributions.
#[derive(Clone, Debug)]
pub struct RandomState {
    generator: Mt,
    /// The second value of the last pair of normal draws.
    spare_normal: Option<f64>,
}

impl RandomState {
    /// `RandomState(seed)`.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self { generator: Mt::new(seed), spare_normal: None }
    }

    /// The next raw 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        self.generator.next_u32()
    }

    /// `random_sample()`: uniform in [0, 1) with 53 bits.
    pub fn random_sample(&mut self) -> f64 {
        let high = f64::from(self.next_u32() >> 5);
        let low = f64::from(self.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// `randint(low, high)`: uniform in `low..high`, by masked rejection.
    ///
    /// # Panics
    /// When the range is empty or wider than 32 bits.
    pub fn randint(&mut self, low: i64, high: i64) -> i64 {
        assert!(low < high, "randint needs low < high");
        let range = u32::try_from(high - 1 - low).expect("a range of at most 32 bits");
        low + i64::from(self.interval(range))
    }

    /// Uniform in `0..=max`, by masked rejection: `random_interval` in NumPy's C code.
    pub fn interval(&mut self, max: u32) -> u32 {
        if max == 0 {
            return 0;
        }
        let mask = u32::MAX >> max.leading_zeros();
        loop {
            let value = self.next_u32() & mask;
            if value <= max {
                return value;
            }
        }
    }

    /// `shuffle(values)`: Fisher-Yates from the end.
    ///
    /// # Panics
    /// When there are more than 2^32 values.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            let max = u32::try_from(i).expect("at most 2^32 values");
            values.swap(i, self.interval(max) as usize);
        }
    }

    /// `permutation(n)`.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut values: Vec<usize> = (0..n).collect();
        self.shuffle(&mut values);
        values
    }

    /// `choice(n, size, replace=False)`.
    pub fn choice_without_replacement(&mut self, n: usize, size: usize) -> Vec<usize> {
        let mut values = self.permutation(n);
        values.truncate(size);
        values
    }

    /// `standard_normal()`: Marsaglia's polar method, in pairs.
    pub fn standard_normal(&mut self) -> f64 {
        if let Some(value) = self.spare_normal.take() {
            return value;
        }
        loop {
            let x = 2.0 * self.random_sample() - 1.0;
            let y = 2.0 * self.random_sample() - 1.0;
            let square = x * x + y * y;
            if square < 1.0 && square > 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.spare_normal = Some(factor * x);
                return factor * y;
            }
        }
    }
}
