//! The lowest point of a function of one number.

/// The place in `low..=high` where `f` is lowest, to about `tolerance`: parabolic steps where they behave, golden
/// sections where not.
///
/// # References
/// Brent (1973), *Algorithms for Minimization without Derivatives*, chapter 5.
pub(crate) fn minimize_bounded(f: impl Fn(f64) -> f64, low: f64, high: f64, tolerance: f64) -> f64 {
    const MOST_STEPS: usize = 500;
    let golden = 0.5 * (3.0 - 5.0_f64.sqrt());
    let (mut low, mut high) = (low, high);
    let start = low + golden * (high - low);
    // The lowest point so far, the second lowest, and the one that was second before.
    let mut best = (start, f(start));
    let (mut second, mut third) = (best, best);
    let (mut step, mut step_before) = (0.0_f64, 0.0_f64);
    for _ in 0..MOST_STEPS {
        let middle = 0.5 * (low + high);
        let least = f64::EPSILON.sqrt() * best.0.abs() + tolerance / 3.0;
        if (best.0 - middle).abs() <= 2.0 * least - 0.5 * (high - low) {
            break;
        }
        match parabolic_step(best, second, third) {
            Some(new)
                if step_before.abs() > least
                    && new.abs() < (0.5 * step_before).abs()
                    && best.0 + new > low
                    && best.0 + new < high =>
            {
                step_before = step;
                step = new;
                let next = best.0 + step;
                if next - low < 2.0 * least || high - next < 2.0 * least {
                    step = if middle >= best.0 { least } else { -least };
                }
            }
            _ => {
                step_before = if best.0 >= middle { low - best.0 } else { high - best.0 };
                step = golden * step_before;
            }
        }
        let next = best.0 + if step < 0.0 { -step.abs().max(least) } else { step.abs().max(least) };
        let new = (next, f(next));
        if new.1 <= best.1 {
            *(if new.0 >= best.0 { &mut low } else { &mut high }) = best.0;
            (third, second, best) = (second, best, new);
        } else {
            *(if new.0 < best.0 { &mut low } else { &mut high }) = new.0;
            if new.1 <= second.1 || second.0 == best.0 {
                (third, second) = (second, new);
            } else if new.1 <= third.1 || third.0 == best.0 || third.0 == second.0 {
                third = new;
            }
        }
    }
    best.0
}

/// The step from `best` to the lowest point of the parabola through three points.
fn parabolic_step(best: (f64, f64), second: (f64, f64), third: (f64, f64)) -> Option<f64> {
    let r = (best.0 - second.0) * (best.1 - third.1);
    let q = (best.0 - third.0) * (best.1 - second.1);
    let step = ((best.0 - third.0) * q - (best.0 - second.0) * r) / (2.0 * (r - q));
    step.is_finite().then_some(step)
}

/// An interval round a low point of `f`, found by walking downhill from `a` and `b` in growing steps.
pub(crate) fn bracket(f: impl Fn(f64) -> f64, a: f64, b: f64) -> (f64, f64) {
    const MOST_STEPS: usize = 100;
    const GROWTH: f64 = 1.618_034;
    let (mut behind, mut here) = if f(a) < f(b) { (b, a) } else { (a, b) };
    let mut ahead = here + GROWTH * (here - behind);
    let mut height = f(here);
    for _ in 0..MOST_STEPS {
        let next = f(ahead);
        // A value that is not a number ends the walk too.
        if next.is_nan() || next >= height {
            break;
        }
        (behind, here, height) = (here, ahead, next);
        ahead = here + GROWTH * (here - behind);
    }
    (behind.min(ahead), behind.max(ahead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_points_are_found() {
        let parabola = |x: f64| (x - 1.25).powi(2);
        assert!((minimize_bounded(parabola, -3.0, 7.0, 1e-9) - 1.25).abs() < 1e-7);
        let steep = |x: f64| (x * 3.0).exp() - 2.0 * x;
        let expected = (2.0_f64 / 3.0).ln() / 3.0;
        assert!((minimize_bounded(steep, -5.0, 5.0, 1e-9) - expected).abs() < 1e-7);
        let edge = minimize_bounded(|x| x, 2.0, 3.0, 1e-9);
        assert!((edge - 2.0).abs() < 1e-6, "{edge}");
    }

    #[test]
    fn brackets_hold_the_low_point() {
        for at in [-40.0, -1.0, 0.3, 2.0, 77.0] {
            let (low, high) = bracket(|x| (x - at) * (x - at), -2.0, 2.0);
            assert!(low <= at && at <= high, "{at}: {low} to {high}");
        }
    }
}
