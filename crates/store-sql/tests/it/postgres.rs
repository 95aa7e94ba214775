//! PostgreSQL keeps every promise.

metria_store::contract_tests!(crate::open::postgres);
