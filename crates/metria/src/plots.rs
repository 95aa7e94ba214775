//! Pictures of an evaluation as plain SVG, readable anywhere, and as pages that answer to the pointer. The pages need
//! nothing from elsewhere; where their script may not run, the pictures' own tooltips tell the same.

use crate::evaluation::RocCurve;
use std::fmt::Write as _;

const INK: &str = "#1f2933";
const LINE: &str = "#1f6feb";
/// The square of a ROC curve, and where it begins.
const SIDE: f64 = 320.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 30.0;

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
    let (side, left, top) = (SIDE, LEFT, TOP);
    let mut svg = start(left + side + 20.0, top + side + 50.0, "ROC curve");
    let _ = write!(
        svg,
        r#"<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="none" stroke="{INK}" stroke-opacity="0.4"/><path d="M{left} {} L{} {top}" stroke="{INK}" stroke-opacity="0.4" stroke-dasharray="4 4"/>"#,
        top + side,
        left + side,
    );
    let points: Vec<String> =
        fpr.iter().zip(tpr).map(|(x, y)| place(*x, *y)).map(|(x, y)| format!("{x:.2},{y:.2}")).collect();
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

/// Where a point of a ROC curve is drawn.
fn place(x: f64, y: f64) -> (f64, f64) {
    (LEFT + SIDE * x, TOP + SIDE * (1.0 - y))
}

/// What follows the pointer over a ROC curve: the nearest point, marked and told in the line below.
const FOLLOW: &str = r##"<script>
"use strict";
const svg = document.querySelector("svg"), told = document.querySelector("#told");
const points = [...svg.querySelectorAll("circle")];
svg.addEventListener("pointermove", event => {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const far = point => Math.hypot(point.cx.baseVal.value - at.x, point.cy.baseVal.value - at.y);
  let nearest = points[0];
  for (const point of points) if (far(point) < far(nearest)) nearest = point;
  for (const point of points) point.classList.toggle("near", point === nearest);
  told.textContent = nearest.querySelector("title").textContent;
});
</script>"##;

/// A page with a confusion matrix; a cell tells its share of the true class.
pub(crate) fn confusion_matrix_page(title: &str, labels: &[String], matrix: &[Vec<f64>]) -> String {
    let mut rows = String::new();
    for (truth, row) in labels.iter().zip(matrix) {
        let all: f64 = row.iter().sum();
        let most = row.iter().fold(1.0_f64, |a, &b| a.max(b));
        let _ = write!(rows, "<tr><th>{}</th>", escaped(truth));
        for (predicted, count) in labels.iter().zip(row) {
            let percent = if all > 0.0 { count / all * 100.0 } else { 0.0 };
            let _ = write!(
                rows,
                r#"<td style="background:rgba(31,111,235,{:.3})" title="true {}, predicted {}: {count} of {all} ({percent:.1} %)">{count}</td>"#,
                0.06 + 0.6 * count / most,
                escaped(truth),
                escaped(predicted),
            );
        }
        rows += "</tr>\n";
    }
    let head: String = labels.iter().map(|label| format!("<th>{}</th>", escaped(label))).collect();
    let body = format!(
        "<table><caption>true classes down, predicted across; point at a cell for its share</caption>\n<tr><th></th>{head}</tr>\n{rows}</table>"
    );
    page(&format!("Confusion matrix of {title}"), &body)
}

/// A page with a ROC curve; its points tell their thresholds.
pub(crate) fn roc_curve_page(title: &str, curve: &RocCurve, note: Option<&str>) -> String {
    let svg = roc_curve_svg(&curve.fpr, &curve.tpr, curve.auc);
    let mut points = String::new();
    for ((x, y), threshold) in curve.fpr.iter().zip(&curve.tpr).zip(&curve.thresholds) {
        let (px, py) = place(*x, *y);
        let _ = write!(
            points,
            r#"<circle cx="{px:.2}" cy="{py:.2}" r="3" fill="{LINE}" fill-opacity="0"><title>threshold {threshold}: false positive rate {x:.4}, true positive rate {y:.4}</title></circle>"#
        );
    }
    let svg = svg.replace("</svg>", &format!("{points}</svg>"));
    let note = note.map_or_else(String::new, |note| format!("<p>Note: {}.</p>", escaped(note)));
    let positive = escaped(&curve.positive_class);
    let body =
        format!("{svg}<p id=\"told\">positive class {positive}; point at the curve for thresholds</p>{note}{FOLLOW}");
    page(&format!("ROC curve of {title}"), &body)
}

fn page(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <style>body{{font:14px system-ui,sans-serif;color:{INK};margin:1rem}}td,th{{padding:.6rem .9rem;text-align:right}}\
         circle:hover,circle.near{{fill-opacity:1}}caption{{caption-side:bottom;padding:.5rem}}</style></head>\n\
         <body><h1>{title}</h1>\n{body}\n</body></html>\n"
    )
}

fn start(width: f64, height: f64, title: &str) -> String {
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="system-ui, sans-serif" font-size="13" fill="{INK}" role="img"><title>{title}</title><rect width="100%" height="100%" fill="#ffffff"/>"##
    )
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, content: &str) {
    let content = escaped(content);
    let _ = write!(svg, r#"<text x="{x}" y="{y}" text-anchor="{anchor}">{content}</text>"#);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
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
