//! Pictures of an evaluation as plain SVG: readable anywhere, without scripts.

use std::fmt::Write as _;

const INK: &str = "#1f2933";
const LINE: &str = "#1f6feb";

/// A confusion matrix as a grid: true classes down, predicted across, darker for more.
pub(crate) fn confusion_matrix_svg(labels: &[String], matrix: &[Vec<f64>]) -> String {
    let (cell, left, top) = (64.0, 110.0, 60.0);
    let side = cell * labels.len() as f64;
    let most = matrix.iter().flatten().fold(1.0_f64, |a, &b| a.max(b));
    let mut svg = start(left + side + 20.0, top + side + 20.0, "Confusion matrix");
    text(&mut svg, left + side / 2.0, 22.0, "middle", "predicted");
    text(&mut svg, 12.0, top + side / 2.0, "start", "true");
    for (i, (label, row)) in labels.iter().zip(matrix).enumerate() {
        let y = top + cell * i as f64;
        text(&mut svg, left - 8.0, y + cell / 2.0 + 4.0, "end", label);
        text(&mut svg, left + cell * (i as f64 + 0.5), top - 10.0, "middle", label);
        for (j, count) in row.iter().enumerate() {
            let x = left + cell * j as f64;
            let share = count / most;
            let ink = if share > 0.55 { "#ffffff" } else { INK };
            let _ = write!(
                svg,
                r#"<rect x="{x}" y="{y}" width="{cell}" height="{cell}" fill="{LINE}" fill-opacity="{:.3}" stroke="{INK}" stroke-opacity="0.2"/><text x="{}" y="{}" text-anchor="middle" fill="{ink}">{count}</text>"#,
                0.06 + 0.94 * share,
                x + cell / 2.0,
                y + cell / 2.0 + 5.0,
            );
        }
    }
    svg + "</svg>\n"
}

/// A ROC curve with its diagonal.
pub(crate) fn roc_curve_svg(fpr: &[f64], tpr: &[f64], auc: f64) -> String {
    let (side, left, top) = (320.0, 60.0, 30.0);
    let mut svg = start(left + side + 20.0, top + side + 50.0, "ROC curve");
    let _ = write!(
        svg,
        r#"<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="none" stroke="{INK}" stroke-opacity="0.4"/><path d="M{left} {} L{} {top}" stroke="{INK}" stroke-opacity="0.4" stroke-dasharray="4 4"/>"#,
        top + side,
        left + side,
    );
    let points: Vec<String> =
        fpr.iter().zip(tpr).map(|(x, y)| format!("{:.2},{:.2}", left + side * x, top + side * (1.0 - y))).collect();
    let _ = write!(svg, r#"<polyline points="{}" fill="none" stroke="{LINE}" stroke-width="2"/>"#, points.join(" "));
    for tick in [0.0, 0.5, 1.0] {
        text(&mut svg, left + side * tick, top + side + 18.0, "middle", &tick.to_string());
        text(&mut svg, left - 8.0, top + side * (1.0 - tick) + 4.0, "end", &tick.to_string());
    }
    text(&mut svg, left + side / 2.0, top + side + 38.0, "middle", "false positive rate");
    text(&mut svg, left + 8.0, top + 18.0, "start", "true positive rate");
    text(&mut svg, left + side - 10.0, top + side - 12.0, "end", &format!("AUC {auc:.4}"));
    svg + "</svg>\n"
}

fn start(width: f64, height: f64, title: &str) -> String {
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="system-ui, sans-serif" font-size="13" fill="{INK}" role="img"><title>{title}</title><rect width="100%" height="100%" fill="#ffffff"/>"##
    )
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = write!(svg, r#"<text x="{x}" y="{y}" text-anchor="{anchor}">{content}</text>"#);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_counts_shown() {
        let labels = ["<b>".to_owned(), "a&b".to_owned()];
        let svg = confusion_matrix_svg(&labels, &[vec![17.0, 2.0], vec![3.0, 28.0]]);
        assert!(!svg.contains("<b>") && svg.contains("&lt;b&gt;") && svg.contains("a&amp;b"));
        assert!(svg.contains(">17<") && svg.contains(">28<"));
    }

    #[test]
    fn the_curve_starts_bottom_left_and_ends_top_right() {
        let svg = roc_curve_svg(&[0.0, 0.0, 1.0], &[0.0, 1.0, 1.0], 1.0);
        assert!(svg.contains("60.00,350.00") && svg.contains("380.00,30.00"), "{svg}");
        assert!(svg.contains("AUC 1.0000"));
    }
}
