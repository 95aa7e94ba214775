//! How a model does on rows with known answers.

use crate::error::{Error, Result};
use crate::plots::{confusion_matrix_svg, roc_curve_svg};
use arrow_array::RecordBatch;
use metria_core::Labels;
use metria_learn::metrics::{
    Average, ClassCounts, ClassificationReport, ReportOptions, ZeroDivision, accuracy_score, auc,
    classification_report, confusion_matrix, roc_auc_score_ovr, roc_curve,
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
        let proba = model.predict_proba(x)?;
        let (labels, truth) = join_classes(model, y)?;
        let predicted = proba.most_probable();
        let all: Vec<u32> = (0..labels.len() as u32).collect();
        let weighted =
            ClassCounts::new(&truth, &predicted, &all, None)?.average(Average::Weighted, 1.0, ZeroDivision::Zero);
        let n_known = model.classes().len();
        let same_classes = labels.len() == n_known;
        let roc_curve = match (n_known, same_classes) {
            (2, true) => binary_roc(&truth, &proba.class(1), &labels[1])?,
            _ => None,
        };
        let roc_auc = match &roc_curve {
            Some(curve) => Some(curve.auc),
            None if n_known > 2 && same_classes => Some(roc_auc_score_ovr(&truth, proba.values(), n_known, false)?),
            None => None,
        };
        Ok(Self {
            n_rows: y.len(),
            accuracy: accuracy_score(&truth, &predicted, None)?,
            precision: weighted.precision,
            recall: weighted.recall,
            f1_score: weighted.fbeta,
            roc_auc: roc_auc.filter(|area| !area.is_nan()),
            confusion_matrix: confusion_matrix(&truth, &predicted, labels.len(), None)?,
            roc_curve,
            classification_report: classification_report(&truth, &predicted, &labels, &ReportOptions::default())?,
            labels,
        })
    }

    /// The scores by the names they are logged under, with a prefix.
    #[must_use]
    pub fn metrics(&self, prefix: &str) -> Vec<(String, f64)> {
        // Folds say `fold_f1`, the whole says `f1_score`, as the guideline's keys do.
        let f1 = if prefix.is_empty() { "f1_score" } else { "f1" };
        let mut metrics = vec![
            (format!("{prefix}accuracy"), self.accuracy),
            (format!("{prefix}precision"), self.precision),
            (format!("{prefix}recall"), self.recall),
            (format!("{prefix}{f1}"), self.f1_score),
        ];
        metrics.extend(self.roc_auc.map(|area| (format!("{prefix}roc_auc"), area)));
        metrics
    }

    /// The classification report as text.
    #[must_use]
    pub fn report_text(&self) -> String {
        self.classification_report.to_string()
    }

    /// The evaluation as files: data for programs, pictures and text for people.
    pub(crate) fn files(&self) -> Result<Vec<(&'static str, Vec<u8>)>> {
        let json = |value: &serde_json::Value| {
            serde_json::to_vec_pretty(value).map_err(|error| Error::Invalid(error.to_string()))
        };
        let report =
            serde_json::to_value(&self.classification_report).map_err(|error| Error::Invalid(error.to_string()))?;
        let matrix = serde_json::json!({"labels": self.labels, "matrix": self.confusion_matrix});
        let mut files = vec![
            ("confusion_matrix.json", json(&matrix)?),
            ("confusion_matrix.svg", confusion_matrix_svg(&self.labels, &self.confusion_matrix).into_bytes()),
            ("classification_report.json", json(&report)?),
            ("classification_report.txt", self.report_text().into_bytes()),
        ];
        if let Some(curve) = &self.roc_curve {
            let value = serde_json::to_value(curve).map_err(|error| Error::Invalid(error.to_string()))?;
            files.push(("roc_curve.json", json(&value)?));
            files.push(("roc_curve.svg", roc_curve_svg(&curve.fpr, &curve.tpr, curve.auc).into_bytes()));
        }
        Ok(files)
    }
}

/// Names of the model's classes, with those that only the answers have behind them, and each answer's place among them.
fn join_classes(model: &FittedPipeline, y: &Labels) -> Result<(Vec<String>, Vec<u32>)> {
    let known = model.classes();
    if known.data_type() != y.data_type() {
        return Err(Error::Invalid(format!(
            "the answers are of type {}, the model's classes of type {}",
            y.data_type(),
            known.data_type()
        )));
    }
    let mut labels: Vec<String> = (0..known.len()).map(|class| known.text(class)).collect();
    let truth = (0..y.len())
        .map(|row| {
            let text = y.text(row);
            let place = labels.iter().position(|label| *label == text).unwrap_or_else(|| {
                labels.push(text);
                labels.len() - 1
            });
            place as u32
        })
        .collect();
    Ok((labels, truth))
}

fn binary_roc(truth: &[u32], score: &[f64], positive_class: &str) -> Result<Option<RocCurve>> {
    let positive: Vec<bool> = truth.iter().map(|&class| class == 1).collect();
    let curve = roc_curve(&positive, score, None, true)?;
    let auc = auc(&curve.x, &curve.y);
    // With one class only there is no curve to show.
    Ok((!auc.is_nan()).then(|| RocCurve {
        fpr: curve.x,
        tpr: curve.y,
        thresholds: curve.thresholds,
        auc,
        positive_class: positive_class.to_owned(),
    }))
}
