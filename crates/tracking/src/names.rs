//! Names for runs that nobody named.

const ADJECTIVES: [&str; 24] = [
    "amber", "brave", "calm", "clever", "crisp", "eager", "fair", "gentle", "golden", "honest", "keen", "lively",
    "lucid", "mellow", "nimble", "patient", "quiet", "rapid", "silver", "steady", "sunny", "tidy", "vivid", "wise",
];
const ANIMALS: [&str; 24] = [
    "badger", "beaver", "crane", "dolphin", "eagle", "falcon", "finch", "fox", "gecko", "heron", "ibex", "jaguar",
    "koala", "lynx", "marten", "newt", "otter", "owl", "panda", "puffin", "raven", "seal", "tern", "wren",
];

/// A name such as `brave-heron-412`, from the random part of a run's id.
pub(crate) fn run_name(run_id: &str) -> String {
    let tail = run_id.get(run_id.len().saturating_sub(12)..).unwrap_or(run_id);
    let noise = usize::try_from(u64::from_str_radix(tail, 16).unwrap_or(0)).unwrap_or(0);
    let adjective = ADJECTIVES[noise % ADJECTIVES.len()];
    let animal = ANIMALS[noise / ADJECTIVES.len() % ANIMALS.len()];
    format!("{adjective}-{animal}-{}", noise / 1_024 % 1_000)
}
