//! The classification report, as data and as text.

use super::classification::{Average, Averaged, ClassCounts, ZeroDivision};
use crate::error::{Error, Result};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt;

/// Settings of a report.
#[derive(Clone, Debug, Default)]
pub struct ReportOptions<'a> {
    /// Only these classes (codes); all by default.
    pub labels: Option<&'a [u32]>,
    /// Weight of each row.
    pub sample_weight: Option<&'a [f64]>,
    /// What undefined scores are.
    pub zero_division: ZeroDivision,
}

/// One line: a class or an average.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportRow {
    /// The class or the kind of average.
    pub name: String,
    /// Its scores (F1).
    pub scores: Averaged,
    /// Weight of its true rows.
    pub support: f64,
}

/// Precision, recall, F1 and support of each class, accuracy (or the micro average, when classes are left out), and
/// the macro and weighted averages.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassificationReport {
    /// One row a class.
    pub classes: Vec<ReportRow>,
    /// Share of rows that were right; none when classes are left out.
    pub accuracy: Option<f64>,
    /// `micro avg` (only without accuracy), `macro avg`, `weighted avg`.
    pub averages: Vec<ReportRow>,
    /// Digits after the point in the text (2).
    pub digits: usize,
    /// Whether the text shows support as a float: scikit-learn's arrays are floats with weights, and when no row at
    /// all was right.
    float_support: bool,
}

/// Builds a report; `names[code]` is the label of a class.
///
/// # Errors
/// When lengths differ, there are no rows, or a class has no name.
pub fn classification_report(
    y_true: &[u32],
    y_pred: &[u32],
    names: &[String],
    options: &ReportOptions<'_>,
) -> Result<ClassificationReport> {
    let all: Vec<u32> = (0..names.len() as u32).collect();
    let labels = options.labels.unwrap_or(&all);
    if let Some(class) = y_true.iter().chain(y_pred).chain(labels).find(|&&class| class as usize >= names.len()) {
        return Err(Error::Data(format!("class {class} has no name; there are {} names", names.len())));
    }
    let counts = ClassCounts::new(y_true, y_pred, labels, options.sample_weight)?;
    let zero = options.zero_division;
    let total: f64 = counts.truth.iter().sum();
    let classes = counts.by_class(1.0, zero).into_iter().zip(labels).zip(&counts.truth);
    let classes = classes
        .map(|((scores, &class), &support)| ReportRow { name: names[class as usize].clone(), scores, support })
        .collect();
    let complete = y_true.iter().chain(y_pred).all(|class| labels.contains(class));
    let micro = counts.average(Average::Micro, 1.0, zero);
    let row = |name: &str, scores| ReportRow { name: name.to_owned(), scores, support: total };
    let mut averages = Vec::new();
    if !complete {
        averages.push(row("micro avg", micro));
    }
    averages.push(row("macro avg", counts.average(Average::Macro, 1.0, zero)));
    averages.push(row("weighted avg", counts.average(Average::Weighted, 1.0, zero)));
    let float_support = options.sample_weight.is_some() || counts.right.iter().all(|&right| right == 0.0);
    let accuracy = complete.then_some(micro.precision);
    Ok(ClassificationReport { classes, accuracy, averages, digits: 2, float_support })
}

impl Serialize for ReportRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("precision", &self.scores.precision)?;
        map.serialize_entry("recall", &self.scores.recall)?;
        map.serialize_entry("f1-score", &self.scores.fbeta)?;
        map.serialize_entry("support", &self.support)?;
        map.end()
    }
}

impl Serialize for ClassificationReport {
    /// The dict of scikit-learn's `output_dict=True`.
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for row in &self.classes {
            map.serialize_entry(&row.name, row)?;
        }
        if let Some(accuracy) = self.accuracy {
            map.serialize_entry("accuracy", &accuracy)?;
        }
        for row in &self.averages {
            map.serialize_entry(&row.name, row)?;
        }
        map.end()
    }
}

impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits;
        let names = self.classes.iter().map(|row| row.name.chars().count());
        let width = names.max().unwrap_or(0).max("weighted avg".len()).max(digits);
        let number = |value: f64| if value.is_nan() { "nan".to_owned() } else { format!("{value:.digits$}") };
        let support = |value: f64| if self.float_support { format!("{value:?}") } else { value.to_string() };
        let line = |f: &mut fmt::Formatter<'_>, row: &ReportRow| {
            writeln!(
                f,
                "{:>width$}  {:>9} {:>9} {:>9} {:>9}",
                row.name,
                number(row.scores.precision),
                number(row.scores.recall),
                number(row.scores.fbeta),
                support(row.support)
            )
        };
        writeln!(f, "{:>width$}  {:>9} {:>9} {:>9} {:>9}", "", "precision", "recall", "f1-score", "support")?;
        writeln!(f)?;
        for row in &self.classes {
            line(f, row)?;
        }
        writeln!(f)?;
        if let (Some(accuracy), Some(last)) = (self.accuracy, self.averages.last()) {
            let accuracy = number(accuracy);
            writeln!(f, "{:>width$}  {:>9} {:>9} {accuracy:>9} {:>9}", "accuracy", "", "", support(last.support))?;
        }
        self.averages.iter().try_for_each(|row| line(f, row))
    }
}
