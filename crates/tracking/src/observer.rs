//! Somebody who wants to know at once that a run was written to.

use crate::Tracking;
use std::sync::{Arc, OnceLock};

/// Told of every write to a run that goes through these services, after it is kept. It must return at once.
pub trait RunObserver: Send + Sync {
    /// Something was written to a run.
    fn run_changed(&self, run_id: &str);
}

/// Where the observer is, once there is one.
pub(crate) type Place = Arc<OnceLock<Arc<dyn RunObserver>>>;

impl Tracking {
    /// Sets who is told of writes, for these services and all their clones; the first one stays.
    pub fn observe(&self, observer: Arc<dyn RunObserver>) {
        let _ = self.observer.set(observer);
    }

    /// Tells the observer of a write.
    pub(crate) fn tell(&self, run_id: &str) {
        if let Some(observer) = self.observer.get() {
            observer.run_changed(run_id);
        }
    }
}
