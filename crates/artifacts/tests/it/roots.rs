//! The kinds of artifact roots that keep the contract.

use metria_artifacts::ArtifactStore;
use tempfile::TempDir;

/// A root in a temporary folder.
pub(crate) fn folder() -> (TempDir, ArtifactStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = ArtifactStore::open(&folder.path().join("root").display().to_string()).expect("a store");
    (folder, store)
}

/// A prefix of its own in the test's bucket.
pub(crate) fn s3() -> ((), ArtifactStore) {
    ((), ArtifactStore::open(&format!("{}/{}", bucket(), metria_core::ids::new_id())).expect("a store"))
}

/// The URL of the test's bucket.
#[expect(clippy::disallowed_methods, reason = "scripts/with-s3 tells it so")]
pub(crate) fn bucket() -> String {
    std::env::var("METRIA_TEST_S3")
        .expect("METRIA_TEST_S3: this test needs an S3 server; run `make test` or `scripts/with-s3 cargo test`")
}

mod on_a_folder {
    crate::contract::contract_tests!(crate::roots::folder);
}

mod on_s3 {
    crate::contract::contract_tests!(crate::roots::s3);
}
