//! The result does not depend on where a file is cut, nor on the number of threads.

use metria_core::DataType;
use metria_data::{Format, ReadOptions, read_bytes};
use proptest::prelude::*;

/// What reading gives: the table, or the words of the error.
fn outcome(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<arrow_array::RecordBatch, String> {
    read_bytes(name, bytes, options).map(|table| table.batch).map_err(|error| error.to_string())
}

fn same_for_all_chunks(name: &str, bytes: &[u8], options: &ReadOptions) {
    let whole = outcome(name, bytes, &ReadOptions { chunk_bytes: 1 << 20, ..options.clone() });
    for chunk_bytes in [1, 2, 3, 7, 16, 61] {
        let cut = outcome(name, bytes, &ReadOptions { chunk_bytes, ..options.clone() });
        assert_eq!(cut, whole, "chunks of {chunk_bytes} bytes");
    }
}

/// A field of any sort, as it stands in the file.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => any::<i16>().prop_map(|value| value.to_string()),
        2 => any::<f32>().prop_map(|value| value.to_string()),
        2 => prop::sample::select(vec![
            "", "?", "NA", "nan", "NaN", "true", "False", "007", "-0", "inf", " 5 ", "\"\"", "\"NA\"", "\"7\"", "\" 8 \"",
            "\"a,b\"", "\"x\ny\"", "\"\r\n,\"\"\"", "5\" pipe", "é", "東京", "99999999999999999999", "+1", "x y", "\"true\"",
        ]).prop_map(str::to_owned),
    ]
}

fn rows(n_columns: usize) -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec(field(), n_columns), 1..40)
}

fn text(rows: &[Vec<String>], line_end: &str) -> String {
    let lines: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
    format!("a,b,c{line_end}{}{line_end}", lines.join(line_end))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_table(rows in rows(3), crlf: bool, declared: Option<bool>, quoted_missing: bool) {
        let mut options = ReadOptions { delimiter: Some(b','), quoted_missing, ..ReadOptions::default() };
        if let Some(long) = declared {
            options.types.insert("b".to_owned(), if long { DataType::Long } else { DataType::String });
        }
        let text = text(&rows, if crlf { "\r\n" } else { "\n" });
        same_for_all_chunks("t.csv", text.as_bytes(), &options);
    }

    #[test]
    fn any_bytes(mut bytes in prop::collection::vec(
        prop::sample::select(b"abc1234.,,,;\n\n\n\"\" \r\t?\xc3\xa9\xff".to_vec()), 0..200)) {
        bytes.splice(0..0, *b"a,b\n1,2\n");
        let options = ReadOptions { format: Some(Format::Csv), max_line_bytes: 50, ..ReadOptions::default() };
        same_for_all_chunks("t.csv", &bytes, &options);
    }

    #[test]
    fn any_json(lines in prop::collection::vec(prop::sample::select(vec![
        "{\"a\":1}", "{\"a\":1.5,\"b\":\"x\"}", "{\"b\":null,\"c\":true}", "{\"c\":\"é\\n\"}", "", "  ", "{}",
        "{\"d\":7,\"a\":-3}", "{\"a\":\"?\"}", "{\"a\":[1]}", "[1]", "{\"a\":1,\"a\":2}",
    ]), 1..20), quoted_missing: bool) {
        let options = ReadOptions { quoted_missing, ..ReadOptions::default() };
        same_for_all_chunks("t.jsonl", lines.join("\n").as_bytes(), &options);
    }

    #[test]
    fn values_are_those_of_a_plain_reader(rows in rows(3)) {
        // Every field as text must be what a character-by-character reading of it gives.
        let mut options = ReadOptions { delimiter: Some(b','), missing_values: Vec::new(), chunk_bytes: 16, ..ReadOptions::default() };
        for name in ["a", "b", "c"] {
            options.types.insert(name.to_owned(), DataType::String);
        }
        let batch = outcome("t.csv", text(&rows, "\n").as_bytes(), &options).expect("a sound table");
        prop_assert_eq!(batch.num_rows(), rows.len());
        for (row, fields) in rows.iter().enumerate() {
            for (column, field) in fields.iter().enumerate() {
                let expected = match field.strip_prefix('"').and_then(|field| field.strip_suffix('"')) {
                    Some(inner) => Some(inner.replace("\"\"", "\"")),
                    None => Some(field.trim().to_owned()).filter(|text| !text.is_empty()),
                };
                let got = metria_data::json_value(batch.column(column), row);
                prop_assert_eq!(got, serde_json::json!(expected));
            }
        }
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let line = |i: usize| match i % 5 {
        0 => format!("{i},\"text {i}\nmore\",{}\n", i as f64 / 7.0),
        1 => format!("{i},,\n"),
        2 => format!("{i},true,{i}\n"),
        _ => format!("{i},NA,-{i}.25\n"),
    };
    let text: String = std::iter::once("a,b,c\n".to_owned()).chain((0..20_000).map(line)).collect();
    let read = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let options = ReadOptions { chunk_bytes: 1000, ..ReadOptions::default() };
        pool.install(|| outcome("t.csv", text.as_bytes(), &options)).expect("a sound table")
    };
    let one = read(1);
    assert_eq!(one.num_rows(), 20_000);
    for threads in [2, 3, 8] {
        assert_eq!(read(threads), one, "{threads} threads");
    }
}
