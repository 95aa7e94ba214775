//! Identifiers: 32 lower-case hexadecimal characters, a UUIDv7 inside, so that they sort by creation time.

/// A new run, request or artifact identifier.
#[must_use]
pub fn new_id() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// The same with hyphens, for protocols that show a UUID.
#[must_use]
pub fn new_uuid() -> String {
    uuid::Uuid::now_v7().hyphenated().to_string()
}

/// A new experiment identifier: 18 decimal digits, the form that MLflow's clients know.
#[must_use]
pub fn new_experiment_id() -> String {
    // 58 bits are below 10^18: milliseconds in the high part keep the order of creation.
    let bits = uuid::Uuid::now_v7().as_u128();
    let millis = u64::try_from(bits >> 80).expect("the top 48 bits fit");
    let noise = u64::try_from(bits & 0x3ff).expect("ten bits fit");
    format!("{:018}", (millis << 10 | noise) % 1_000_000_000_000_000_000)
}

/// Whether `id` has the form of [`new_id`].
#[must_use]
pub fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_creation() {
        let (first, second) = (new_id(), new_id());
        assert!(is_id(&first) && is_id(&second));
        assert!(first < second);
        assert!(!is_id("../etc/passwd") && !is_id(""));
        let experiment = new_experiment_id();
        assert_eq!(experiment.len(), 18);
        assert!(experiment.bytes().all(|b| b.is_ascii_digit()));
    }
}
