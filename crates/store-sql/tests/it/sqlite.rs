//! SQLite keeps every promise.

metria_store::contract_tests!(crate::open::sqlite);
