//! The dense matrix that estimators read: columns one after another, `f32` for trees.

/// `n_rows x n_columns` values, column after column.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix<T = f64> {
    n_rows: usize,
    n_columns: usize,
    values: Vec<T>,
}

impl<T: Copy> Matrix<T> {
    /// A matrix over column-major values.
    ///
    /// # Panics
    /// When `values` has another length than `n_rows * n_columns`.
    #[must_use]
    pub fn from_columns(n_rows: usize, n_columns: usize, values: Vec<T>) -> Self {
        assert_eq!(values.len(), n_rows * n_columns, "one value for each cell");
        Self { n_rows, n_columns, values }
    }

    /// A matrix from rows of equal length.
    ///
    /// # Panics
    /// When the rows differ in length.
    #[must_use]
    pub fn from_rows(rows: &[Vec<T>]) -> Self {
        let n_columns = rows.first().map_or(0, Vec::len);
        assert!(rows.iter().all(|row| row.len() == n_columns), "rows of one length");
        let column = |j: usize| rows.iter().map(move |row| row[j]);
        Self::from_columns(rows.len(), n_columns, (0..n_columns).flat_map(column).collect())
    }

    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// One column.
    #[must_use]
    pub fn column(&self, j: usize) -> &[T] {
        &self.values[j * self.n_rows..(j + 1) * self.n_rows]
    }

    /// One column, to be changed in place.
    pub fn column_mut(&mut self, j: usize) -> &mut [T] {
        &mut self.values[j * self.n_rows..(j + 1) * self.n_rows]
    }

    /// One value.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> T {
        self.values[column * self.n_rows + row]
    }

    /// The rows at `indices`, in that order.
    #[must_use]
    pub fn take_rows(&self, indices: &[usize]) -> Self {
        let column = |j: usize| {
            let column = self.column(j);
            indices.iter().map(move |&i| column[i])
        };
        Self::from_columns(indices.len(), self.n_columns, (0..self.n_columns).flat_map(column).collect())
    }

    /// Each value changed by `f`.
    #[must_use]
    pub fn map<U: Copy>(&self, f: impl Fn(T) -> U) -> Matrix<U> {
        Matrix { n_rows: self.n_rows, n_columns: self.n_columns, values: self.values.iter().map(|&v| f(v)).collect() }
    }

    /// Each value changed by `f`, which is told its column.
    #[must_use]
    pub fn map_cells<U: Copy>(&self, f: impl Fn(usize, T) -> U) -> Matrix<U> {
        let f = &f;
        let column = |j: usize| self.column(j).iter().map(move |&value| f(j, value));
        Matrix::from_columns(self.n_rows, self.n_columns, (0..self.n_columns).flat_map(column).collect())
    }

    /// The columns at `indices`, in that order.
    #[must_use]
    pub fn take_columns(&self, indices: &[usize]) -> Self {
        let values = indices.iter().flat_map(|&j| self.column(j)).copied().collect();
        Self::from_columns(self.n_rows, indices.len(), values)
    }

    /// These columns, then those of `other`.
    ///
    /// # Panics
    /// When the numbers of rows differ.
    #[must_use]
    pub fn beside(mut self, other: &Self) -> Self {
        assert_eq!(self.n_rows, other.n_rows, "matrices side by side have as many rows");
        self.values.extend_from_slice(&other.values);
        Self { n_columns: self.n_columns + other.n_columns, ..self }
    }
}
