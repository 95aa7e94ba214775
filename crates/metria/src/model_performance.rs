//! How predictions compare with the truth, as data and as pages that can be looked at.

use crate::error::{Error, Result};
use crate::evaluation::RocCurve;
use crate::plots::{confusion_matrix_page, roc_curve_page};
use metria_core::Labels;
use metria_learn::metrics::{accuracy_score, auc, confusion_matrix, roc_curve};
use serde::Serialize;

/// What stands under a ROC curve of hard labels.
const TWO_POINTS: &str =
    "drawn from hard labels, so it has a single point between its ends; scores give the whole curve";

/// The confusion matrix of some predictions and, for two classes, their ROC curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelPerformance {
    /// The model.
    pub model_name: String,
    /// Share of rows that were right.
    pub accuracy: f64,
    /// Every class of the truth or the predictions, ascending.
    pub labels: Vec<String>,
    /// True classes down, predicted across.
    pub confusion_matrix: Vec<Vec<f64>>,
    /// For two classes of which both occur in the truth; the greater one is the positive.
    pub roc_curve: Option<RocCurve>,
    /// What has to be known about the curve.
    pub note: Option<String>,
}

impl ModelPerformance {
    /// Compares predictions with the truth. `y_score` is the score of the greater class, one for each row.
    ///
    /// # Errors
    /// When there are no rows, the lengths or types differ, or scores come for other than two classes.
    pub fn of(y_true: &Labels, y_pred: &Labels, y_score: Option<&[f64]>, model_name: &str) -> Result<Self> {
        let n_rows = y_true.len();
        if n_rows == 0 || y_pred.len() != n_rows || y_score.is_some_and(|scores| scores.len() != n_rows) {
            return Err(Error::Invalid(format!(
                "y_true, y_pred and y_score must have one value for each row, and at least one row; got {n_rows}, {} and {}",
                y_pred.len(),
                y_score.map_or_else(|| "no scores".to_owned(), |scores| scores.len().to_string())
            )));
        }
        let (classes, codes) = joined(y_true, y_pred)?.encode();
        let (truth, predicted) = codes.split_at(n_rows);
        let labels: Vec<String> = (0..classes.len()).map(|class| classes.text(class)).collect();
        if y_score.is_some() && labels.len() > 2 {
            return Err(Error::Invalid(format!(
                "one score a row says something for two classes; got {} classes: {}",
                labels.len(),
                labels.join(", ")
            )));
        }
        let (roc_curve, note) = match labels.get(1) {
            Some(positive_class) if labels.len() == 2 => {
                let hard: Vec<f64> = predicted.iter().map(|&class| f64::from(class)).collect();
                let curve = curve(truth, y_score.unwrap_or(&hard), positive_class)?;
                let note = (y_score.is_none() && curve.is_some()).then(|| TWO_POINTS.to_owned());
                (curve, note)
            }
            _ => (None, None),
        };
        Ok(Self {
            model_name: model_name.to_owned(),
            accuracy: accuracy_score(truth, predicted, None)?,
            confusion_matrix: confusion_matrix(truth, predicted, labels.len(), None)?,
            labels,
            roc_curve,
            note,
        })
    }

    /// As files: data for programs, pages for people.
    pub(crate) fn files(&self) -> Result<Vec<(&'static str, Vec<u8>)>> {
        let json = |value: &serde_json::Value| {
            serde_json::to_vec_pretty(value).map_err(|error| Error::Invalid(error.to_string()))
        };
        let matrix = serde_json::json!({"labels": self.labels, "matrix": self.confusion_matrix});
        let page = confusion_matrix_page(&self.model_name, &self.labels, &self.confusion_matrix);
        let mut files = vec![("confusion_matrix.json", json(&matrix)?), ("confusion_matrix.html", page.into_bytes())];
        if let Some(curve) = &self.roc_curve {
            let mut value = serde_json::to_value(curve).map_err(|error| Error::Invalid(error.to_string()))?;
            value["note"] = self.note.clone().into();
            files.push(("roc_curve.json", json(&value)?));
            let page = roc_curve_page(&self.model_name, curve, self.note.as_deref());
            files.push(("roc_curve.html", page.into_bytes()));
        }
        Ok(files)
    }
}

/// The one behind the other.
fn joined(y_true: &Labels, y_pred: &Labels) -> Result<Labels> {
    Ok(match (y_true, y_pred) {
        (Labels::Boolean(a), Labels::Boolean(b)) => Labels::Boolean([a.as_slice(), b].concat()),
        (Labels::Long(a), Labels::Long(b)) => Labels::Long([a.as_slice(), b].concat()),
        (Labels::String(a), Labels::String(b)) => Labels::String([a.as_slice(), b].concat()),
        _ => {
            return Err(Error::Invalid(format!(
                "y_true and y_pred must be of one type; got {} and {}",
                y_true.data_type(),
                y_pred.data_type()
            )));
        }
    })
}

fn curve(truth: &[u32], score: &[f64], positive_class: &str) -> Result<Option<RocCurve>> {
    let positive: Vec<bool> = truth.iter().map(|&class| class == 1).collect();
    let curve = roc_curve(&positive, score, None, true)?;
    let auc = auc(&curve.x, &curve.y);
    // With one class only in the truth there is no curve to show.
    Ok((!auc.is_nan()).then(|| RocCurve {
        fpr: curve.x,
        tpr: curve.y,
        thresholds: curve.thresholds,
        auc,
        positive_class: positive_class.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(values: &[i64]) -> Labels {
        Labels::Long(values.to_vec())
    }

    #[test]
    fn scores_give_a_curve_and_hard_labels_three_points() {
        let (truth, predicted) = (long(&[0, 0, 1, 1]), long(&[0, 1, 1, 1]));
        let scored = ModelPerformance::of(&truth, &predicted, Some(&[0.1, 0.6, 0.5, 0.9]), "m").unwrap();
        assert_eq!(scored.confusion_matrix, [[1.0, 1.0], [0.0, 2.0]]);
        assert_eq!((scored.accuracy, scored.labels.join(" ").as_str()), (0.75, "0 1"));
        let curve = scored.roc_curve.as_ref().unwrap();
        assert_eq!((curve.auc, curve.positive_class.as_str(), scored.note.as_ref()), (0.75, "1", None));
        let hard = ModelPerformance::of(&truth, &predicted, None, "m").unwrap();
        let curve = hard.roc_curve.as_ref().unwrap();
        assert_eq!((curve.fpr.as_slice(), curve.tpr.as_slice()), (&[0.0, 0.5, 1.0][..], &[0.0, 1.0, 1.0][..]));
        assert!(hard.note.as_ref().unwrap().contains("hard labels"));
        let files = hard.files().unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["confusion_matrix.json", "confusion_matrix.html", "roc_curve.json", "roc_curve.html"]);
        let page = String::from_utf8(files[3].1.clone()).unwrap();
        assert!(page.contains("hard labels") && !page.contains("src=") && !page.contains("<link"));
    }

    #[test]
    fn more_classes_and_one_class() {
        let words = |values: &[&str]| Labels::String(values.iter().map(|value| (*value).to_owned()).collect());
        let three = ModelPerformance::of(&words(&["a", "<b>", "c"]), &words(&["a", "a", "c"]), None, "m").unwrap();
        assert_eq!((three.labels.len(), three.roc_curve.as_ref()), (3, None));
        let page = String::from_utf8(three.files().unwrap()[1].1.clone()).unwrap();
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"), "names do not become markup");
        let one = ModelPerformance::of(&long(&[1, 1]), &long(&[1, 0]), None, "m").unwrap();
        assert_eq!((one.roc_curve.as_ref(), one.note.as_ref()), (None, None));
    }

    #[test]
    fn what_is_refused() {
        let message = |truth: &Labels, predicted: &Labels, score: Option<&[f64]>| {
            ModelPerformance::of(truth, predicted, score, "m").unwrap_err().to_string()
        };
        assert!(message(&long(&[]), &long(&[]), None).contains("at least one row"));
        assert!(message(&long(&[1]), &long(&[1, 2]), None).contains("got 1, 2 and no scores"));
        assert!(message(&long(&[1]), &Labels::Boolean(vec![true]), None).contains("one type"));
        assert!(message(&long(&[1, 2, 3]), &long(&[1, 2, 3]), Some(&[0.1, 0.2, 0.3])).contains("3 classes"));
        assert!(message(&long(&[0, 1]), &long(&[0, 1]), Some(&[0.1, f64::NAN])).contains("NaN"));
    }
}
