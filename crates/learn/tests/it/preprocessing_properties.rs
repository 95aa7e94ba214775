//! What must hold of any preprocessing.
