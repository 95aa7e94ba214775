//! Other people's protocols, one folder each: routes, wire types, conversion, and errors in the protocol's own shape.
//! Wire types never leave their folder.

pub(super) mod mlflow;
