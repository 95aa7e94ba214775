//! How a model does on rows with known answers.

use crate::error::{Error, Result};
use crate::plots::{confusion_matrix_svg, roc_curve_svg};
use arrow_array::RecordBatch;
use metria_core::Labels;
use metria_learn::metrics::{
    Average, ClassificationReport, accuracy_score, classification_report, confusion_matrix,
    precision_recall_fscore_support, roc_auc_score, roc_auc_score_multiclass, roc_curve,
};
use metria_learn::pipeline::FittedPipeline;
use serde::Serialize;

/// A ROC curve with the class it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RocCurve {
    /// False positive rate at each threshold.
    pub fpr: Vec<f64>,
    /// True positive rate at each threshold.
    pub tpr: Vec<f64>,
    /// Scores at which the curve turns; the first is infinite and stands in JSON as null.
    pub thresholds: Vec<f64>,
    /// Area under the curve.
    pub auc: f64,
    /// The class whose probability is the score.
    pub positive_class: String,
}

/// Scores of one model on one table. Precision, recall and F1 are weighted by class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Rows measured.
    pub n_rows: usize,
    /// Share of rows that were right.
    pub accuracy: f64,
    /// Weighted precision.
    pub precision: f64,
    /// Weighted recall.
    pub recall: f64,
    /// Weighted F1.
    pub f1_score: f64,
    /// Area under the ROC curve (several classes: one against the rest, unweighted mean); none with one class only.
    pub roc_auc: Option<f64>,
    /// Classes, in the order of the matrix.
    pub labels: Vec<String>,
    /// True classes down, predicted across.
    pub confusion_matrix: Vec<Vec<f64>>,
    /// For two classes.
    pub roc_curve: Option<RocCurve>,
    /// Scores of each class.
    pub classification_report: ClassificationReport,
}

impl Evaluation {
    /// Measures a fitted model on rows with known answers. Answers that the model never saw count as wrong.
    ///
    /// # Errors
    /// When a row does not fit the model or the answers are of another type than the model's classes.
    pub fn of(model: &FittedPipeline, x: &RecordBatch, y: &Labels) -> Result<Self> {
        if x.num_rows() != y.len() || y.is_empty() {
            return Err(Error::Invalid(format!(
                "a model is measured on at least one row, each with its answer; got {} rows and {} answers",
                x.num_rows(),
                y.len()
            )));
        }
        let probabilities = model.predict_proba(x)?;
        let (classes, truth) = join_classes(model.classes(), y)?;
        let n_known = model.classes().len();
        let predicted = model.predicted_classes(&probabilities);
        let labels: Vec<String> = (0..classes.len()).map(|class| classes.text(class)).collect();
        let scores = |class: usize| -> Vec<f64> { probabilities.column(class).to_vec() };

        let weighted = precision_recall_fscore_support(&truth, &predicted, classes.len(), Average::Weighted)?;
        let roc_curve = if n_known == 2 && classes.len() == 2 { binary_roc(&truth, &scores(1), &labels[1])? } else { None };
        let roc_auc = match &roc_curve {
            Some(curve) => Some(curve.auc),
            None if n_known > 2 && classes.len() == n_known => multiclass_auc(&truth, &probabilities, n_known),
            None => None,
        };
        Ok(Self {
            n_rows: y.len(),
            accuracy: accuracy_score(&truth, &predicted)?,
            precision: weighted.precision,
            recall: weighted.recall,
            f1_score: weighted.fbeta,
            roc_auc,
            confusion_matrix: confusion_matrix(&truth, &predicted, classes.len())?,
            roc_curve,
            classification_report: classification_report(&truth, &predicted, &labels)?,
            labels,
        })
    }
}
