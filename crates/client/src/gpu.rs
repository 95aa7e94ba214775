//! The load of NVIDIA's graphics cards, as `nvidia-smi` tells it.

use crate::program;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const QUERY: &str = "--query-gpu=index,utilization.gpu,memory.used,memory.total,power.draw,power.limit";
/// How long it may take; on a machine without a driver it may hang.
const PATIENCE: Duration = Duration::from_secs(5);
/// What it prints is far shorter.
const MOST: usize = 1 << 16;
/// It tells memory in MiB.
const MEGABYTES_PER_MEBIBYTE: f64 = 1.048_576;

/// The cards of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Gpus {
    program: PathBuf,
}

impl Gpus {
    /// The cards, when there are any.
    pub(crate) fn find() -> Option<Self> {
        Self::of(PathBuf::from("nvidia-smi"))
    }

    fn of(program: PathBuf) -> Option<Self> {
        let gpus = Self { program };
        (!gpus.sample().is_empty()).then_some(gpus)
    }

    /// Name and value of each measure of each card.
    pub(crate) fn sample(&self) -> Vec<(String, f64)> {
        let mut command = Command::new(&self.program);
        let text = program::output(command.args([QUERY, "--format=csv,noheader,nounits"]), PATIENCE, MOST);
        parse(&String::from_utf8_lossy(&text.unwrap_or_default()))
    }
}

/// Reads lines such as `0, 37, 1024, 16384, 70.5, 250.0`. A measure that a card lacks is `[N/A]`.
fn parse(text: &str) -> Vec<(String, f64)> {
    let mut measures = Vec::new();
    for line in text.lines() {
        let cells: Vec<Option<f64>> = line.split(',').map(|cell| cell.trim().parse().ok()).collect();
        let [Some(index), utilization, used, total, power, limit] = cells[..] else { continue };
        let share = |part: Option<f64>, whole: Option<f64>| match (part, whole) {
            (Some(part), Some(whole)) if whole > 0.0 => Some(part / whole * 100.0),
            _ => None,
        };
        let named = [
            ("utilization_percentage", utilization),
            ("memory_usage_megabytes", used.map(|used| used * MEGABYTES_PER_MEBIBYTE)),
            ("memory_usage_percentage", share(used, total)),
            ("power_usage_watts", power),
            ("power_usage_percentage", share(power, limit)),
        ];
        let found = named.into_iter().filter_map(|(name, value)| Some((format!("gpu_{index}_{name}"), value?)));
        measures.extend(found);
    }
    measures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_told_apart_and_gaps_left_out() {
        let measures = parse("0, 37, 1000, 16000, 70.5, 282\n1, 5, [N/A], [N/A], [N/A], [N/A]\nnonsense\n");
        let of = |name: &str| measures.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        assert_eq!(of("gpu_0_utilization_percentage"), Some(37.0));
        assert_eq!(of("gpu_0_memory_usage_megabytes"), Some(1_048.576));
        assert_eq!(of("gpu_0_memory_usage_percentage"), Some(6.25));
        assert_eq!(of("gpu_0_power_usage_percentage"), Some(25.0));
        assert_eq!(of("gpu_1_utilization_percentage"), Some(5.0));
        assert_eq!(measures.len(), 6);
    }

    #[test]
    fn a_machine_without_cards_has_none() {
        assert!(Gpus::of(PathBuf::from("no-such-program-here")).is_none());
        assert!(Gpus::of(PathBuf::from("true")).is_none());
    }
}
