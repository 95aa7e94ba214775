//! The spool: what a run logged, on disk before it is anywhere else.
//!
//! A run has a folder of its own below the spool:
//!
//! ```text
//! RUN_ID/events    MAGIC, then frames: length, CRC-32 of the payload, payload (one event as JSON)
//! RUN_ID/sent      how many bytes of `events` have arrived, as text
//! RUN_ID/files/    artifacts until they have arrived
//! RUN_ID/refused   events that the server will never take, one JSON line each, with its reason
//! ```
//!
//! The writing process holds a lock on `events`, which goes with it however it ends: what is locked is alive. A frame is
//! written by one call, so a killed process leaves whole frames and at most one torn one at the end. `sent` only saves
//! work: sending again from the start changes nothing.

mod events;
mod folder;

pub(crate) use events::{Event, Next, Reader, Writer};
pub(crate) use folder::{Spool, run_folders};
