//! What every kind of artifact root promises.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use metria_artifacts::{ArtifactStore, Error, UploadedPart};
use metria_core::{ErrorKind, Kinded};
use std::time::Duration;

/// Runs every promise as a test over the roots that `open` makes: what must live as long as the test, and a store.
macro_rules! contract_tests {
    ($open:path) => {
        crate::contract::contract_tests!(@each $open;
            files_come_back, a_file_is_replaced_whole, nothing_is_not_found, parts_of_a_file, folders_are_listed,
            folders_of_many_files, a_name_is_no_prefix, deleting_leaves_the_rest, paths_stay_inside, names_of_all_kinds,
            streams_of_every_size, a_stream_that_breaks_leaves_nothing, writers_of_one_file, uploads_in_parts,
            uploads_given_up, parts_that_make_no_file, addresses_for_a_while, locations_below_the_root);
    };
    (@each $open:path; $($name:ident),*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (_kept, store) = $open();
            store.check().await.expect("the root answers");
            crate::contract::$name(&store).await;
        })*
    };
}
pub(crate) use contract_tests;

/// Bytes that are nowhere the same for long.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

async fn names(store: &ArtifactStore, folder: &str) -> Vec<String> {
    let entries = store.list(folder).await.expect("listed");
    entries.into_iter().map(|entry| if entry.is_dir { format!("{}/", entry.path) } else { entry.path }).collect()
}

fn in_pieces(
    bytes: &[u8],
    size: usize,
) -> impl futures_util::Stream<Item = Result<Bytes, Error>> + Unpin + Send + use<> {
    stream::iter(bytes.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect::<Vec<_>>())
}

pub(crate) async fn files_come_back(store: &ArtifactStore) {
    for (path, bytes) in [("run/model/MLmodel", noise(1_000)), ("empty", Vec::new()), ("large", noise(9_000_001))] {
        store.put(path, &bytes).await.expect("written");
        assert!(store.get(path).await.expect("read") == bytes, "{path}");
        assert_eq!(store.size(path).await.expect("there"), bytes.len() as u64);
        let (size, stream) = store.get_stream(path).await.expect("read");
        let read: Vec<Bytes> = stream.try_collect().await.expect("read to the end");
        assert_eq!(size, bytes.len() as u64);
        assert!(read.concat() == bytes, "{path}");
    }
}

pub(crate) async fn a_file_is_replaced_whole(store: &ArtifactStore) {
    store.put("a/b", b"the first, longer").await.expect("written");
    store.put("a/b", b"the second").await.expect("written");
    assert_eq!(store.get("a/b").await.expect("read"), "the second");
    assert_eq!(names(store, "a").await, ["b"]);
}

pub(crate) async fn nothing_is_not_found(store: &ArtifactStore) {
    assert!(names(store, "").await.is_empty());
    assert!(names(store, "nowhere/at/all").await.is_empty());
    for path in ["nothing", "no/such/file"] {
        for error in [
            store.get(path).await.expect_err("nothing"),
            store.size(path).await.expect_err("nothing"),
            store.get_stream(path).await.err().expect("nothing"),
            store.get_range(path, 0..1).await.err().expect("nothing"),
            store.get_range(path, 0..0).await.err().expect("nothing"),
        ] {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            assert!(error.to_string().contains(path), "{error}");
        }
        store.delete(path).await.expect("nothing to delete is no error");
        store.delete_all(path).await.expect("nothing to delete is no error");
    }
}

pub(crate) async fn parts_of_a_file(store: &ArtifactStore) {
    let bytes = noise(3_000_000);
    store.put_stream("f", in_pieces(&bytes, 65_536)).await.expect("written");
    for (start, end) in [
        (0, 1),
        (0, 3_000_000),
        (1_500_000, 1_500_010),
        (2_999_999, 9_000_000),
        (3_000_000, 3_000_001),
        (9_000_000, 9_000_001),
        (5, 5),
    ] {
        let (size, range, stream) = store.get_range("f", start..end).await.expect("a part");
        let read = stream.try_collect::<Vec<Bytes>>().await.expect("read to the end").concat();
        let (from, to) = (start.min(3_000_000) as usize, end.min(3_000_000) as usize);
        assert_eq!(size, 3_000_000);
        assert!(read == bytes[from..to], "{start}..{end}: {}", read.len());
        assert_eq!(range.end - range.start, read.len() as u64);
        if !read.is_empty() {
            assert_eq!(range.start, start);
        }
    }
    store.put("empty", b"").await.expect("written");
    let (size, range, _) = store.get_range("empty", 0..10).await.expect("a part");
    assert_eq!((size, range), (0, 0..0));
}

pub(crate) async fn folders_are_listed(store: &ArtifactStore) {
    for path in ["run/model/MLmodel", "run/model/data/x", "run/b.txt", "run/a.txt", "top"] {
        store.put(path, path.as_bytes()).await.expect("written");
    }
    assert_eq!(names(store, "").await, ["run/", "top"]);
    assert_eq!(names(store, "run").await, ["model/", "a.txt", "b.txt"]);
    assert_eq!(names(store, "run/").await, ["model/", "a.txt", "b.txt"]);
    assert_eq!(names(store, "run/model").await, ["data/", "MLmodel"]);
    assert!(names(store, "run/a.txt").await.is_empty(), "a file has no entries");
    let entries = store.list("run").await.expect("listed");
    let sizes: Vec<u64> = entries.iter().map(|entry| entry.size_bytes).collect();
    assert_eq!(sizes, [0, 9, 9]);
}

pub(crate) async fn folders_of_many_files(store: &ArtifactStore) {
    let write = |n: usize| async move { store.put(&format!("many/{n:05}"), b"x").await };
    let written: Vec<_> = stream::iter(0..1_203).map(write).buffer_unordered(16).collect().await;
    assert!(written.iter().all(Result::is_ok));
    let found = names(store, "many").await;
    assert_eq!(found.len(), 1_203, "more than one page of a bucket");
    assert!(found.is_sorted());
    store.delete_all("many").await.expect("deleted");
    assert!(names(store, "").await.is_empty());
}

pub(crate) async fn a_name_is_no_prefix(store: &ArtifactStore) {
    for path in ["run/1", "run1/1", "run.txt"] {
        store.put(path, b"x").await.expect("written");
    }
    assert_eq!(names(store, "run").await, ["1"]);
    store.delete_all("run").await.expect("deleted");
    assert_eq!(names(store, "").await, ["run1/", "run.txt"]);
}

pub(crate) async fn deleting_leaves_the_rest(store: &ArtifactStore) {
    for path in ["a/b/c", "a/b/d/e", "a/f", "g"] {
        store.put(path, b"x").await.expect("written");
    }
    store.delete("a/b/c").await.expect("deleted");
    assert_eq!(names(store, "a/b").await, ["d/"]);
    store.delete("a/b/d/e").await.expect("deleted");
    assert_eq!(names(store, "a").await, ["f"], "a folder goes with its last file");
    store.delete_all("g").await.expect("a file alone is deleted too");
    assert_eq!(names(store, "").await, ["a/"]);
    store.delete_all("a").await.expect("deleted");
    assert!(names(store, "").await.is_empty());
}

pub(crate) async fn paths_stay_inside(store: &ArtifactStore) {
    for path in [
        "../secret",
        "/etc/passwd",
        "a/../../secret",
        "a//b",
        "./a",
        "a/.",
        "C:\\x",
        "C:/x",
        "a\\..\\b",
        "a\0b",
        "a\nb",
        "%2e%2e/secret",
        "a/%252e%252e/b",
        "%2fetc/passwd",
        "..%5csecret",
        "x/.metria-uploads/../y",
    ] {
        refused_everywhere(store, path).await;
    }
    for path in [".metria-uploads", ".metria-uploads/a", "a#1", "b/c#42"] {
        refused_everywhere(store, path).await;
    }
}

async fn refused_everywhere(store: &ArtifactStore, path: &str) {
    let parts = [UploadedPart { number: 1, etag: "x".to_owned() }];
    for refused in [
        store.get(path).await.map(|_| ()),
        store.get_range(path, 0..1).await.map(|_| ()),
        store.size(path).await.map(|_| ()),
        store.put(path, b"x").await,
        store.put_stream(path, in_pieces(b"x", 1)).await,
        store.list(path).await.map(|_| ()),
        store.delete(path).await,
        store.delete_all(path).await,
        store.begin_upload(path, 1).await.map(|_| ()),
        store.complete_upload(path, "0123456789abcdef0123456789abcdef", &parts).await,
        store.abort_upload(path, "0123456789abcdef0123456789abcdef").await,
    ] {
        assert_eq!(refused.expect_err(path).kind(), ErrorKind::InvalidInput, "{path:?}");
    }
}

pub(crate) async fn names_of_all_kinds(store: &ArtifactStore) {
    let kinds =
        ["note ü.txt", "a+b=c&d.csv", "100%.txt", "a%20b", "q?x", "h#x", "日本/データ", "~x", "'\"()*!$,;@[]{}|^`<>"];
    for path in kinds {
        store.put(&format!("n/{path}"), path.as_bytes()).await.expect(path);
        assert_eq!(store.get(&format!("n/{path}")).await.expect(path), path.as_bytes());
    }
    let mut expected: Vec<String> = kinds.iter().map(|name| name.replace("日本/データ", "日本/")).collect();
    expected.sort_by_key(|name| (!name.ends_with('/'), name.clone()));
    assert_eq!(names(store, "n").await, expected);
    store.delete_all("n").await.expect("deleted");
    assert!(names(store, "").await.is_empty());
}

pub(crate) async fn streams_of_every_size(store: &ArtifactStore) {
    const MIB: usize = 1 << 20;
    for len in [0, 1, MIB - 1, MIB, MIB + 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 21 * MIB + 7] {
        let bytes = noise(len);
        store.put_stream("s", in_pieces(&bytes, 100_003)).await.expect("written");
        assert!(store.get("s").await.expect("read") == bytes, "{len}");
    }
    assert_eq!(names(store, "").await, ["s"]);
}

pub(crate) async fn a_stream_that_breaks_leaves_nothing(store: &ArtifactStore) {
    store.put("kept", b"old").await.expect("written");
    for len in [10, 3 << 20, 20 << 20] {
        for path in ["kept", "new"] {
            let bytes = in_pieces(&noise(len), 1 << 16).chain(stream::iter([Err(Error::Unsupported("it broke"))]));
            let error = store.put_stream(path, bytes).await.expect_err("it breaks");
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains("it broke"), "{error}");
        }
    }
    // Whoever waits no longer leaves nothing either.
    let endless =
        stream::repeat_with(|| Ok::<_, Error>(Bytes::from_static(&[7; 1 << 16]))).take(100).chain(stream::pending());
    let given_up = tokio::time::timeout(Duration::from_millis(300), store.put_stream("new", endless)).await;
    assert!(given_up.is_err());
    assert_eq!(store.get("kept").await.expect("read"), "old");
    assert_eq!(names(store, "").await, ["kept"]);
}

pub(crate) async fn writers_of_one_file(store: &ArtifactStore) {
    let contents: Vec<Vec<u8>> = (0..8_usize).map(|n| vec![u8::try_from(n).expect("small"); 2_000_000 + n]).collect();
    let write = |bytes: Vec<u8>| async move { store.put_stream("one", in_pieces(&bytes, 65_536)).await };
    let written: Vec<_> = stream::iter(contents.clone()).map(write).buffer_unordered(8).collect().await;
    for done in written {
        done.expect("written");
    }
    let read = store.get("one").await.expect("read");
    assert!(contents.iter().any(|content| *content == read), "the file is that of one writer");
}

/// Sends a part as a client would: to the address given, or through the store.
async fn send(
    store: &ArtifactStore,
    urls: Option<&[String]>,
    upload_id: &str,
    number: u64,
    bytes: &[u8],
) -> UploadedPart {
    let etag = match urls {
        Some(urls) => {
            let sent = reqwest::Client::new().put(&urls[number as usize - 1]).body(bytes.to_vec()).send().await;
            let answer = sent.expect("an answer").error_for_status().expect("the part is taken");
            answer.headers()["etag"].to_str().expect("a text").to_owned()
        }
        None => store.put_part(upload_id, number, in_pieces(bytes, 100_000)).await.expect("the part is taken"),
    };
    UploadedPart { number, etag }
}

pub(crate) async fn uploads_in_parts(store: &ArtifactStore) {
    let bytes = noise((12 << 20) + 3);
    let chunks: Vec<&[u8]> = bytes.chunks(5 << 20).collect();
    let begun = store.begin_upload("run/big file.bin", chunks.len()).await.expect("begun");
    assert_eq!(begun.part_urls.as_ref().map(Vec::len), store.signs_urls().then_some(chunks.len()));
    let mut parts = Vec::new();
    for (index, chunk) in chunks.iter().enumerate().rev() {
        let number = index as u64 + 1;
        // A part that is sent again counts as it was sent last.
        send(store, begun.part_urls.as_deref(), &begun.upload_id, number, &noise(chunk.len())[..chunk.len() / 2]).await;
        parts.push(send(store, begun.part_urls.as_deref(), &begun.upload_id, number, chunk).await);
        assert!(names(store, "").await.is_empty(), "nothing is seen before it is whole");
    }
    parts.reverse();
    if !store.signs_urls() {
        // The S3 server of these tests does not look.
        let other = store.complete_upload("run/other", &begun.upload_id, &parts).await;
        assert_eq!(other.expect_err("another file's upload").kind(), ErrorKind::NotFound);
    }
    store.complete_upload("run/big file.bin", &begun.upload_id, &parts).await.expect("completed");
    assert!(store.get("run/big file.bin").await.expect("read") == bytes);
    assert_eq!(names(store, "run").await, ["big file.bin"]);
}

pub(crate) async fn uploads_given_up(store: &ArtifactStore) {
    let begun = store.begin_upload("a", 2).await.expect("begun");
    let part = send(store, begun.part_urls.as_deref(), &begun.upload_id, 1, b"x").await;
    store.abort_upload("a", &begun.upload_id).await.expect("given up");
    store.complete_upload("a", &begun.upload_id, &[part]).await.expect_err("it was given up");
    assert!(names(store, "").await.is_empty());
}

pub(crate) async fn parts_that_make_no_file(store: &ArtifactStore) {
    for n_parts in [0, 10_001] {
        let error = store.begin_upload("a", n_parts).await.expect_err("no number of parts");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    let begun = store.begin_upload("a", 3).await.expect("begun");
    let urls = begun.part_urls.as_deref();
    let first = send(store, urls, &begun.upload_id, 1, b"x").await;
    let third = send(store, urls, &begun.upload_id, 3, b"y").await;
    for parts in
        [vec![], vec![third.clone(), first.clone()], vec![first.clone(), third], vec![first.clone(), first.clone()]]
    {
        let error = store.complete_upload("a", &begun.upload_id, &parts).await.expect_err("parts with gaps");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    store.complete_upload("a", &begun.upload_id, &[first]).await.expect("one part is a file");
    assert_eq!(store.get("a").await.expect("read"), "x");
}

pub(crate) async fn locations_below_the_root(store: &ArtifactStore) {
    let root = store.root_uri();
    assert_eq!(store.path_of(&root), Some(""));
    assert_eq!(store.path_of(&format!("{root}/1/x")), Some("1/x"));
    assert_eq!(store.path_of(&format!("{root}-other/x")), None);
    assert_eq!(store.path_of("s3://elsewhere/x"), None);
}

pub(crate) async fn addresses_for_a_while(store: &ArtifactStore) {
    let minute = Duration::from_secs(60);
    store.put("a/b c.html", b"<b>").await.expect("written");
    let found = store.download_url("a/b c.html", minute).await.expect("signed");
    let target = store.upload_url("a/new+1", minute).await.expect("signed");
    assert_eq!((found.is_some(), target.is_some()), (store.signs_urls(), store.signs_urls()));
    let (Some(found), Some(target)) = (found, target) else { return };
    assert_eq!(found.size_bytes, 3);
    let client = reqwest::Client::new();
    let answer = client.get(&found.url).send().await.expect("an answer").error_for_status().expect("it is given");
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"b_c.html\"");
    assert_eq!(answer.text().await.expect("read"), "<b>");
    let sent = client.put(&target).body("new").send().await.expect("an answer");
    assert!(sent.status().is_success(), "{sent:?}");
    assert_eq!(store.get("a/new+1").await.expect("read"), "new");
    for (url, what) in [
        (found.url.replace("b%20c.html", "new%2B1"), "another file"),
        (found.url.replace("attachment", "inline"), "another header"),
        (found.url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"), "for longer"),
        (target.clone(), "reading what may be written"),
    ] {
        assert_ne!(url, found.url, "{what}");
        assert_eq!(client.get(&url).send().await.expect("an answer").status(), 403, "{what}");
    }
    let error = store.download_url("nothing", minute).await.expect_err("nothing");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
