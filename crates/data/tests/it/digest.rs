use crate::tables::{csv, json_lines};
use arrow_array::StringArray;
use metria_data::{concat, digest};
use std::collections::HashSet;
use std::sync::Arc;

const TEXT: &str = "a,b,c,d\n1,x,0.5,true\n2,,1.5,\n,yy,,false\n4,z,2.5,true\n";

#[test]
fn it_is_of_the_content() {
    let whole = csv(TEXT);
    let expected = digest(&whole);
    assert_eq!(expected.len(), 16);
    assert!(expected.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(digest(&csv(&TEXT.replace(',', ";").replace('\n', "\r\n"))), expected);
    let json = "{\"a\":1,\"b\":\"x\",\"c\":0.5,\"d\":true}\n{\"a\":2,\"c\":1.5}\n{\"b\":\"yy\",\"d\":false}\n{\"a\":4,\"b\":\"z\",\"c\":2.5,\"d\":true}\n";
    assert_eq!(digest(&json_lines(json)), expected);
    let parts = [whole.slice(0, 1), whole.slice(1, 2), whole.slice(3, 1)];
    assert_eq!(digest(&concat(&parts).expect("equal columns")), expected);
    assert_eq!(digest(&whole.slice(1, 2)), digest(&csv("a,b,c,d\n2,,1.5,\n,yy,,false\n")));
}

#[test]
fn every_change_is_seen() {
    let mut digests = HashSet::new();
    let texts = [
        TEXT.to_owned(),
        TEXT.replace("yy", "y"),
        TEXT.replace("2,,", "2,\"\","),
        TEXT.replace("2,,", "2,x,").replace("1,x,", "1,,"),
        TEXT.replace("b,", "e,"),
        TEXT.replace("4,", "5,"),
        TEXT.replace(",2.5,", ",2.25,"),
        TEXT.replace("4,z,2.5,true\n", ""),
        TEXT.replace("false", "true"),
        TEXT.replace("a,b,c,d", "b,a,c,d"),
    ];
    for text in &texts {
        assert!(digests.insert(digest(&csv(text))), "{text}");
    }
    // The border between two texts counts.
    assert_ne!(digest(&csv("t\nab\nc\n")), digest(&csv("t\na\nbc\n")));
    assert_ne!(digest(&csv("t\n1\n2\n")), digest(&csv("t\n1.0\n2.0\n")));
}

#[test]
fn what_hides_behind_a_null_does_not_count() {
    let plain = csv("t,u\nx,1\n,2\nz,3\n");
    let values = StringArray::from(vec!["x", "hidden", "z"]);
    let nulls = arrow_buffer::NullBuffer::from(vec![true, false, true]);
    let (offsets, bytes, _) = values.into_parts();
    let hiding = StringArray::new(offsets, bytes, Some(nulls));
    let columns = vec![Arc::new(hiding) as _, Arc::clone(plain.column(1))];
    let batch = arrow_array::RecordBatch::try_new(plain.schema(), columns).expect("a batch");
    assert_eq!(digest(&batch), digest(&plain));
}
