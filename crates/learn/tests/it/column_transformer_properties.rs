//! What holds for every table and every declared list of transformers.

use crate::column_transformer::{named, numbers, step};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use metria_core::Cell;
use metria_learn::pipeline::*;
use metria_learn::preprocessing::*;
use proptest::option::weighted;
use proptest::prelude::*;
use std::sync::Arc;

const NAMES: [&str; 5] = ["amount", "home", "member", "age", "city"];

type Row = (Option<f64>, Option<&'static str>, Option<bool>, Option<i64>, Option<&'static str>);

fn row() -> impl Strategy<Value = Row> {
    (
        weighted(0.8, prop_oneof![-1e6..1e6, Just(0.0), Just(-0.0), Just(1e300)]),
        weighted(0.8, prop::sample::select(vec!["own", "rent", "free", ""])),
        weighted(0.8, any::<bool>()),
        weighted(0.8, -5_i64..90),
        weighted(0.8, prop::sample::select(vec!["Köln", "köln", "Bern", "日本"])),
    )
}

fn table(rows: &[Row]) -> RecordBatch {
    let columns: [ArrayRef; 5] = [
        Arc::new(rows.iter().map(|row| row.0).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.2).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|row| row.3).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.4).collect::<StringArray>()),
    ];
    RecordBatch::try_from_iter(NAMES.into_iter().zip(columns)).expect("a table")
}

fn cells(row: &Row) -> [Cell<'_>; 5] {
    [
        row.0.map_or(Cell::Missing, Cell::Number),
        row.1.map_or(Cell::Missing, Cell::Text),
        row.2.map_or(Cell::Missing, Cell::Boolean),
        row.3.map_or(Cell::Missing, |value| Cell::Number(value as f64)),
        row.4.map_or(Cell::Missing, Cell::Text),
    ]
}

fn settings() -> impl Strategy<Value = ColumnTransformer> {
    let imputer = prop::sample::select(vec![
        Imputer::None,
        Imputer::Mean,
        Imputer::Median,
        Imputer::MostFrequent,
        Imputer::Constant(3.5),
    ]);
    let scaler = prop::sample::select(vec![
        Scaler::None,
        Scaler::Standard(StandardScaler::default()),
        Scaler::MinMax(MinMaxScaler { clip: true, ..MinMaxScaler::default() }),
        Scaler::Robust(RobustScaler::default()),
        Scaler::MaxAbs(MaxAbsScaler { clip: true }),
    ]);
    let frequent = OneHotEncoder {
        handle_unknown: HandleUnknown::InfrequentIfExist,
        max_categories: Some(2),
        drop: Some(Drop::First),
        ..OneHotEncoder::default()
    };
    let ignore = OneHotEncoder { handle_unknown: HandleUnknown::Ignore, ..OneHotEncoder::default() };
    let codes = OrdinalEncoder {
        handle_unknown: HandleUnknownOrdinal::UseEncodedValue,
        unknown_value: Some(f64::NAN),
        min_frequency: Some(MinFrequency::Share(0.2)),
        ..OrdinalEncoder::default()
    };
    let encoder = prop::sample::select(vec![
        Transformer::OneHot(frequent),
        Transformer::OneHot(ignore),
        Transformer::OneHot(OneHotEncoder::default()),
        Transformer::Ordinal(codes),
        Transformer::Ordinal(OrdinalEncoder::default()),
    ]);
    let remainder = prop::sample::select(vec![Remainder::Drop, Remainder::Passthrough]);
    (imputer, scaler, encoder, any::<bool>(), remainder).prop_map(|(imputer, scaler, encoder, all, remainder)| {
        let columns = if all { ColumnSelector::Numeric } else { named(&["amount"]) };
        ColumnTransformer {
            transformers: vec![
                step("texts", encoder, named(&["city", "home"])),
                step("numbers", numbers(imputer, scaler), columns),
            ],
            remainder,
            verbose_feature_names_out: all,
        }
    })
}

fn bits(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
    values.into_iter().map(|value| if value.is_nan() { f64::NAN } else { value }.to_bits()).collect()
}

proptest! {
    #[test]
    fn a_row_at_a_time_equals_the_table(
        known in prop::collection::vec(row(), 1..20),
        new in prop::collection::vec(row(), 1..20),
        settings in settings(),
    ) {
        let fitted = settings.fit(&table(&known)).expect("a fit");
        let places: Vec<usize> = fitted
            .input_columns()
            .iter()
            .map(|spec| NAMES.iter().position(|name| *name == spec.name).expect("a column"))
            .collect();
        let mut out = vec![0.0; fitted.n_features_out()];
        let mut refused = 0;
        let whole = fitted.transform(&table(&new));
        for (i, row) in new.iter().enumerate() {
            let cells = cells(row);
            let cells: Vec<Cell<'_>> = places.iter().map(|&place| cells[place]).collect();
            match (fitted.transform_row(&cells, &mut out), &whole) {
                (Ok(()), Ok(whole)) => {
                    let expected = (0..whole.n_columns()).map(|j| whole.get(i, j));
                    prop_assert_eq!(bits(out.iter().copied()), bits(expected));
                }
                (Ok(()), Err(_)) => {}
                (Err(error), Ok(_)) => prop_assert!(false, "{}", error),
                (Err(_), Err(_)) => refused += 1,
            }
        }
        prop_assert_eq!(refused > 0, whole.is_err(), "a table is refused for one of its rows");
    }

    #[test]
    fn order_and_company_of_columns_do_not_matter(
        known in prop::collection::vec(row(), 2..20),
        settings in settings(),
        order in Just(vec![0, 1, 2, 3, 4]).prop_shuffle(),
    ) {
        let x = table(&known);
        let fitted = settings.fit(&x).expect("a fit");
        let expected = fitted.transform(&x).expect("features");
        let mut columns: Vec<(&str, ArrayRef)> = order.iter().map(|&j| (NAMES[j], x.column(j).clone())).collect();
        columns.insert(2, ("more", Arc::new(StringArray::from(vec!["?"; known.len()]))));
        let other = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| {
            let nullable = array.null_count() > 0;
            (name, array, nullable)
        }))
        .expect("a table");
        let got = fitted.transform(&other).expect("features");
        let all = |x: &metria_learn::Matrix<f64>| bits((0..x.n_columns()).flat_map(|j| x.column(j).to_vec()));
        prop_assert_eq!(all(&got), all(&expected));
        prop_assert_eq!(fitted.feature_names_out().len(), got.n_columns());
    }
}
