//! model_selection
