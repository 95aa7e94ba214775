//! What a model takes and gives, read from its folder whatever made it.

use crate::MLMODEL;
use crate::error::{Error, Result};
use crate::store::ArtifactStore;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Described {
    signature: Option<Texts>,
}

/// Lists of columns as JSON within the YAML.
#[derive(Deserialize)]
struct Texts {
    inputs: Option<String>,
    outputs: Option<String>,
    params: Option<String>,
}

/// The types of a model's columns: `inputs.age` is `long`, `outputs.risk` is `string`. A column without a name has its
/// place instead, and one that may be missing has `, optional` behind its type. Empty when the folder says nothing.
///
/// # Errors
/// When there is no model in the folder, or what it says cannot be read.
pub async fn read_signature(store: &ArtifactStore, folder: &str) -> Result<BTreeMap<String, String>> {
    let bytes = store.get(&format!("{folder}/{MLMODEL}")).await.map_err(|error| match error {
        Error::NotFound(_) => Error::NoModel(folder.to_owned()),
        error => error,
    })?;
    columns(&bytes).map_err(|reason| Error::Damaged { path: folder.to_owned(), reason })
}

fn columns(bytes: &[u8]) -> std::result::Result<BTreeMap<String, String>, String> {
    let described: Described = serde_yaml_ng::from_slice(bytes).map_err(|error| format!("{MLMODEL}: {error}"))?;
    let mut columns = BTreeMap::new();
    let Some(texts) = described.signature else { return Ok(columns) };
    for (side, text) in [("inputs", texts.inputs), ("outputs", texts.outputs), ("params", texts.params)] {
        let Some(text) = text else { continue };
        let list: Vec<Value> =
            serde_json::from_str(&text).map_err(|error| format!("{MLMODEL}: signature.{side}: {error}"))?;
        for (place, column) in list.iter().enumerate() {
            let name = column["name"].as_str().map_or_else(|| place.to_string(), str::to_owned);
            columns.insert(format!("{side}.{name}"), type_of(column));
        }
    }
    Ok(columns)
}

fn type_of(column: &Value) -> String {
    let tensor = &column["tensor-spec"];
    let kind = match (column["type"].as_str(), tensor.is_object()) {
        (_, true) => format!("tensor {} {}", tensor["dtype"].as_str().unwrap_or("?"), tensor["shape"]),
        (Some(kind), false) => kind.to_owned(),
        (None, false) => column.to_string(),
    };
    if column["required"] == Value::Bool(false) { format!("{kind}, optional") } else { kind }
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn columns_and_tensors() {
        let text = r#"
flavors: {}
signature:
  inputs: '[{"type": "long", "name": "age", "required": true}, {"type": "double", "name": "x", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
"#;
        let got = columns(text.as_bytes()).unwrap();
        let got: Vec<(&str, &str)> = got.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let expected = [("inputs.age", "long"), ("inputs.x", "double, optional"), ("outputs.0", "tensor int64 [-1]")];
        assert_eq!(got, expected);
        assert!(columns(b"flavors: {}").unwrap().is_empty());
        assert!(columns(b"signature: {inputs: '[{'}").unwrap_err().contains("signature.inputs"));
        assert!(columns(b"[").is_err());
    }
}
