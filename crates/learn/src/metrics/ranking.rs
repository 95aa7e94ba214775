//! Curves and areas of scores that rank rows.

use super::{check_lengths, weight};
use crate::error::{Error, Result};

/// A curve over thresholds. For ROC: x false positive rate, y true positive rate. For precision-recall: x recall,
/// y precision (one point more than thresholds).
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Horizontal.
    pub x: Vec<f64>,
    /// Vertical.
    pub y: Vec<f64>,
    /// Scores at which the curve turns.
    pub thresholds: Vec<f64>,
}

/// False and true positives at each distinct score, from the highest down.
fn cumulated(y_true: &[bool], score: &[f64], sample_weight: Option<&[f64]>) -> Result<(Vec<f64>, Vec<f64>, Vec<f64>)> {
    check_lengths(y_true.len(), score.len(), sample_weight)?;
    if let Some(row) = score.iter().position(|value| value.is_nan()) {
        return Err(Error::Data(format!("a score must be a number; row {row} is NaN")));
    }
    let mut order: Vec<usize> = (0..score.len()).collect();
    order.sort_by(|&a, &b| score[b].total_cmp(&score[a]).then(b.cmp(&a)));
    let (mut fps, mut tps, mut thresholds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut fp, mut tp) = (0.0, 0.0);
    for (place, &row) in order.iter().enumerate() {
        let count = if y_true[row] { &mut tp } else { &mut fp };
        *count += weight(sample_weight, row);
        let last_of_its_score = order.get(place + 1).is_none_or(|&next| score[next] < score[row]);
        if last_of_its_score {
            fps.push(fp);
            tps.push(tp);
            thresholds.push(score[row]);
        }
    }
    Ok((fps, tps, thresholds))
}

/// The ROC curve, from (0, 0) to (1, 1). With `drop_intermediate`, points on a straight line are left out.
/// With one class only, the rate that cannot be told is NaN.
///
/// # Errors
/// When lengths differ, there are no rows, or a score is NaN.
pub fn roc_curve(
    y_true: &[bool],
    score: &[f64],
    sample_weight: Option<&[f64]>,
    drop_intermediate: bool,
) -> Result<Curve> {
    let (mut fps, mut tps, mut thresholds) = cumulated(y_true, score, sample_weight)?;
    if drop_intermediate && fps.len() > 2 {
        let bends = |values: &[f64], i: usize| (values[i + 1] - values[i]) - (values[i] - values[i - 1]) != 0.0;
        let last = fps.len() - 1;
        let keep: Vec<usize> =
            (0..=last).filter(|&i| i == 0 || i == last || bends(&fps, i) || bends(&tps, i)).collect();
        let take = |values: &[f64]| keep.iter().map(|&i| values[i]).collect::<Vec<_>>();
        (fps, tps, thresholds) = (take(&fps), take(&tps), take(&thresholds));
    }
    let rate = |counts: Vec<f64>| -> Vec<f64> {
        let all = counts.last().copied().unwrap_or(0.0);
        let all = if all > 0.0 { all } else { f64::NAN };
        std::iter::once(0.0).chain(counts).map(|count| count / all).collect()
    };
    thresholds.insert(0, f64::INFINITY);
    Ok(Curve { x: rate(fps), y: rate(tps), thresholds })
}

/// Area under a curve by the trapezoidal rule; x may fall or rise.
#[must_use]
pub fn auc(x: &[f64], y: &[f64]) -> f64 {
    let area: f64 = x.windows(2).zip(y.windows(2)).map(|(x, y)| (x[1] - x[0]) * (y[1] + y[0]) / 2.0).sum();
    if x.last() < x.first() { -area } else { area }
}

/// Area under the ROC curve; with `max_fpr`, the standardised partial area up to there. NaN with one class only.
///
/// # References
/// McClish (1989), doi 10.1177/0272989X8900900307.
///
/// # Errors
/// As [`roc_curve`], and when `max_fpr` is outside (0, 1].
pub fn roc_auc_score(
    y_true: &[bool],
    score: &[f64],
    sample_weight: Option<&[f64]>,
    max_fpr: Option<f64>,
) -> Result<f64> {
    let curve = roc_curve(y_true, score, sample_weight, true)?;
    let most = max_fpr.unwrap_or(1.0);
    if !(most > 0.0 && most <= 1.0) {
        return Err(Error::Parameter {
            owner: "roc_auc_score",
            name: "max_fpr".to_owned(),
            allowed: "a float in the range (0.0, 1.0]".to_owned(),
            got: most.to_string(),
        });
    }
    if most >= 1.0 {
        return Ok(auc(&curve.x, &curve.y));
    }
    if curve.x.iter().chain(&curve.y).any(|rate| rate.is_nan()) {
        return Ok(f64::NAN);
    }
    let stop = curve.x.partition_point(|&x| x <= most);
    let (x0, x1, y0, y1) = (curve.x[stop - 1], curve.x[stop], curve.y[stop - 1], curve.y[stop]);
    let mut x = curve.x[..stop].to_vec();
    let mut y = curve.y[..stop].to_vec();
    x.push(most);
    y.push(y0 + (y1 - y0) * (most - x0) / (x1 - x0));
    let least = 0.5 * most * most;
    Ok(0.5 * (1.0 + (auc(&x, &y) - least) / (most - least)))
}

/// Scores of one class: `proba` holds `n_classes` values a row.
fn class_scores(proba: &[f64], n_classes: usize, class: usize) -> Vec<f64> {
    proba.iter().skip(class).step_by(n_classes).copied().collect()
}

fn check_proba(y_true: &[u32], proba: &[f64], n_classes: usize) -> Result<()> {
    if proba.len() == y_true.len() * n_classes && n_classes > 0 {
        return Ok(());
    }
    Err(Error::Shape { what: "probabilities".to_owned(), expected: y_true.len() * n_classes, got: proba.len() })
}

/// Each class against the rest: the mean of the areas, or, with `weighted`, by how often the class occurs.
///
/// # Errors
/// As [`roc_curve`].
pub fn roc_auc_score_ovr(y_true: &[u32], proba: &[f64], n_classes: usize, weighted: bool) -> Result<f64> {
    check_proba(y_true, proba, n_classes)?;
    let (mut sum, mut total) = (0.0, 0.0);
    for class in 0..n_classes {
        let is: Vec<bool> = y_true.iter().map(|&truth| truth as usize == class).collect();
        let weight = if weighted { is.iter().filter(|is| **is).count() as f64 } else { 1.0 };
        sum += weight * roc_auc_score(&is, &class_scores(proba, n_classes, class), None, None)?;
        total += weight;
    }
    Ok(sum / total)
}

/// Each pair of classes, in both directions: the mean, or, with `weighted`, by how often the pair occurs.
///
/// # References
/// Hand and Till (2001), doi 10.1023/A:1010920819831.
///
/// # Errors
/// As [`roc_curve`].
pub fn roc_auc_score_ovo(y_true: &[u32], proba: &[f64], n_classes: usize, weighted: bool) -> Result<f64> {
    check_proba(y_true, proba, n_classes)?;
    let (mut sum, mut total) = (0.0, 0.0);
    for a in 0..n_classes {
        for b in a + 1..n_classes {
            let rows: Vec<usize> =
                (0..y_true.len()).filter(|&row| y_true[row] as usize == a || y_true[row] as usize == b).collect();
            let area = |class: usize| {
                let is: Vec<bool> = rows.iter().map(|&row| y_true[row] as usize == class).collect();
                let score: Vec<f64> = rows.iter().map(|&row| proba[row * n_classes + class]).collect();
                roc_auc_score(&is, &score, None, None)
            };
            let weight = if weighted { rows.len() as f64 } else { 1.0 };
            sum += weight * (area(a)? + area(b)?) / 2.0;
            total += weight;
        }
    }
    Ok(sum / total)
}

/// Precision over recall, from the lowest threshold to the highest, ending at recall 0 and precision 1.
///
/// # Errors
/// As [`roc_curve`].
pub fn precision_recall_curve(y_true: &[bool], score: &[f64], sample_weight: Option<&[f64]>) -> Result<Curve> {
    let (fps, tps, mut thresholds) = cumulated(y_true, score, sample_weight)?;
    let positives = tps.last().copied().unwrap_or(0.0);
    let mut y: Vec<f64> = tps.iter().zip(&fps).map(|(tp, fp)| tp / (tp + fp)).collect();
    let mut x: Vec<f64> = tps.iter().map(|tp| if positives == 0.0 { 1.0 } else { tp / positives }).collect();
    x.reverse();
    y.reverse();
    thresholds.reverse();
    x.push(0.0);
    y.push(1.0);
    Ok(Curve { x, y, thresholds })
}

/// The mean precision over the thresholds, each by the recall it adds.
///
/// # Errors
/// As [`roc_curve`].
pub fn average_precision_score(y_true: &[bool], score: &[f64], sample_weight: Option<&[f64]>) -> Result<f64> {
    let curve = precision_recall_curve(y_true, score, sample_weight)?;
    let sum: f64 =
        curve.x.windows(2).zip(&curve.y).map(|(recall, precision)| (recall[1] - recall[0]) * precision).sum();
    Ok((-sum).max(0.0))
}

/// Share of rows whose class is among the `k` most probable; of equal scores the later class comes first.
///
/// # Errors
/// When lengths differ or there are no rows.
pub fn top_k_accuracy_score(y_true: &[u32], proba: &[f64], n_classes: usize, k: usize) -> Result<f64> {
    check_proba(y_true, proba, n_classes)?;
    check_lengths(y_true.len(), y_true.len(), None)?;
    let hits = y_true.iter().zip(proba.chunks(n_classes)).filter(|(truth, row)| {
        let truth = **truth as usize;
        let before = (0..n_classes).filter(|&c| row[c] > row[truth] || (row[c] >= row[truth] && c > truth)).count();
        before < k
    });
    Ok(hits.count() as f64 / y_true.len() as f64)
}

/// Discounted cumulative gain of one list; tied scores share their gains.
#[must_use]
pub fn dcg_score(relevance: &[f64], score: &[f64], k: Option<usize>) -> f64 {
    let mut order: Vec<usize> = (0..score.len()).collect();
    order.sort_by(|&a, &b| score[b].total_cmp(&score[a]));
    let discount = |place: usize| if k.is_some_and(|k| place >= k) { 0.0 } else { 1.0 / (place as f64 + 2.0).log2() };
    let (mut sum, mut start) = (0.0, 0);
    while start < order.len() {
        let tied = order[start..].iter().take_while(|&&row| score[row] >= score[order[start]]).count();
        let gain: f64 = order[start..start + tied].iter().map(|&row| relevance[row]).sum::<f64>() / tied as f64;
        sum += gain * (start..start + tied).map(discount).sum::<f64>();
        start += tied;
    }
    sum
}

/// DCG as a share of the best possible; 0 when nothing is relevant.
#[must_use]
pub fn ndcg_score(relevance: &[f64], score: &[f64], k: Option<usize>) -> f64 {
    let best = dcg_score(relevance, relevance, k);
    if best == 0.0 { 0.0 } else { dcg_score(relevance, score, k) / best }
}
