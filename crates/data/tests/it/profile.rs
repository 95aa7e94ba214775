use crate::tables::csv;
use metria_core::DataType;
use metria_data::{Profile, profile};

fn sample() -> Profile {
    profile(&csv(
        "age,city,flag,x\n1,Oslo,true,0.5\n2,Rome,false,\n3,Oslo,true,1.5\n4,,true,inf\n10,Bern,,2.5\n10,Oslo,false,0.5\n",
    ))
}

#[test]
fn the_facts_are_right() {
    let profile = sample();
    assert_eq!((profile.n_rows, profile.n_columns), (6, 4));
    let age = &profile.columns[0];
    assert_eq!((age.data_type, age.missing, age.unique), (DataType::Long, 0, 5));
    // By NumPy: mean 5, std(ddof=1) 4, percentiles 2.25, 3.5, 8.5.
    assert_eq!((age.min, age.max, age.mean, age.std), (Some(1.0), Some(10.0), Some(5.0), Some(4.0)));
    assert_eq!((age.q25, age.median, age.q75), (Some(2.25), Some(3.5), Some(8.5)));
    assert_eq!((age.top[0].value.as_str(), age.top[0].count), ("10", 2));
    assert_eq!(age.top[1].value, "1");
    let city = &profile.columns[1];
    assert_eq!((city.data_type, city.missing, city.unique), (DataType::String, 1, 3));
    let top: Vec<(&str, usize)> = city.top.iter().map(|top| (top.value.as_str(), top.count)).collect();
    assert_eq!(top, [("Oslo", 3), ("Bern", 1), ("Rome", 1)]);
    assert_eq!(city.mean, None);
    let flag = &profile.columns[2];
    assert_eq!((flag.data_type, flag.missing, flag.unique), (DataType::Boolean, 1, 2));
    let x = &profile.columns[3];
    assert_eq!((x.min, x.max, x.mean, x.std), (Some(0.5), Some(f64::INFINITY), None, None));
    assert_eq!((x.missing, x.unique, x.median), (1, 4, Some(1.5)));
}

#[test]
fn many_values_list_the_first_five() {
    let rows: String = (0..1000).map(|i| format!("{},t{}\n", i % 100, i % 7)).collect();
    let profile = profile(&csv(&format!("n,t\n{rows}")));
    let top =
        |column: usize| -> Vec<&str> { profile.columns[column].top.iter().map(|top| top.value.as_str()).collect() };
    assert_eq!(top(0), ["0", "1", "2", "3", "4"]);
    assert_eq!(top(1), ["t0", "t1", "t2", "t3", "t4"]);
    assert_eq!(profile.columns[1].unique, 7);
}

#[test]
fn it_is_shown_as_an_aligned_table() {
    let text = sample().to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "6 rows, 4 columns");
    assert_eq!(lines.len(), 6);
    let place = lines[1].find("most frequent").expect("a heading");
    assert!(lines[3][place..].starts_with("Oslo 50 %"), "{text}");
    assert!(lines[2][place..].starts_with("10 33 %"), "{text}");
    let end = lines[1].find("missing").expect("a heading") + "missing".len();
    assert!(lines[2..].iter().all(|line| line.as_bytes()[end - 1].is_ascii_digit()), "{text}");
    let json = serde_json::to_value(sample()).expect("JSON");
    assert_eq!(json["columns"][0]["type"], "long");
    assert!(json["columns"][1]["mean"].is_null());
}
