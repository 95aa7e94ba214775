//! The load of the machine while a run goes on, as metrics by MLflow's names: `system/cpu_utilization_percentage`,
//! `system/system_memory_usage_megabytes`, `system/disk_usage_percentage`, `system/network_receive_megabytes`, …

use crate::error::{Error, Result};
use crate::gpu::Gpus;
use crate::recorder::{Handle, Recorder};
use metria_core::time::now_ms;
use metria_store::{LogBatch, Metric};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;
use sysinfo::{Disks, Networks, System};

/// MLflow counts in millions of bytes.
const MEGABYTE: f64 = 1e6;

/// Samples the machine in the background until it is dropped.
pub struct SystemSampler {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SystemSampler {
    /// Logs a sample to the run at each interval, the first one after one interval. Steps count from 0.
    ///
    /// # Errors
    /// When the interval is zero or no thread can be started.
    pub fn start(recorder: &Recorder, interval: Duration) -> Result<Self> {
        if interval.is_zero() {
            return Err(Error::Invalid("the interval between samples of the machine must not be zero".to_owned()));
        }
        let (stop, stopped) = mpsc::channel();
        let handle = recorder.handle();
        let thread = std::thread::Builder::new()
            .name("metria-system-metrics".to_owned())
            .spawn(move || sample_until(&stopped, &handle, interval))
            .map_err(Error::file("start a thread for", Path::new("system metrics")))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for SystemSampler {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

fn sample_until(stopped: &mpsc::Receiver<()>, handle: &Handle, interval: Duration) {
    let mut machine = Machine::new();
    for step in 0.. {
        match stopped.recv_timeout(interval) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return,
        }
        let timestamp_ms = now_ms();
        let metric = |(name, value): (String, f64)| Metric { key: format!("system/{name}"), value, timestamp_ms, step };
        let metrics = machine.sample().into_iter().map(metric).collect();
        if let Err(error) = handle.log(LogBatch { metrics, ..LogBatch::default() }) {
            // A finished run or a full disk: the training itself says so.
            tracing::debug!(%error, "system metrics were not logged");
        }
    }
}

struct Machine {
    system: System,
    disks: Disks,
    networks: Networks,
    folder: PathBuf,
    gpus: Option<Gpus>,
    received_at_start: u64,
    sent_at_start: u64,
}

impl Machine {
    fn new() -> Self {
        let mut system = System::new();
        // Utilization is told between two looks.
        system.refresh_cpu_usage();
        let networks = Networks::new_with_refreshed_list();
        let (received_at_start, sent_at_start) = totals(&networks);
        Self {
            system,
            disks: Disks::new_with_refreshed_list(),
            networks,
            folder: std::env::current_dir().unwrap_or_default(),
            gpus: Gpus::find(),
            received_at_start,
            sent_at_start,
        }
    }

    fn sample(&mut self) -> Vec<(String, f64)> {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.networks.refresh(true);
        self.disks.refresh(true);
        let (used, total) = (self.system.used_memory() as f64, self.system.total_memory() as f64);
        let (received, sent) = totals(&self.networks);
        let mut measures = vec![
            ("cpu_utilization_percentage", f64::from(self.system.global_cpu_usage())),
            ("system_memory_usage_megabytes", used / MEGABYTE),
            ("system_memory_usage_percentage", share(used, total)),
            ("network_receive_megabytes", received.saturating_sub(self.received_at_start) as f64 / MEGABYTE),
            ("network_transmit_megabytes", sent.saturating_sub(self.sent_at_start) as f64 / MEGABYTE),
        ];
        // The disk that the run works on: of the mounted ones, the nearest around the folder.
        let around = self.disks.list().iter().filter(|disk| self.folder.starts_with(disk.mount_point()));
        if let Some(disk) = around.max_by_key(|disk| disk.mount_point().components().count()) {
            let (total, available) = (disk.total_space() as f64, disk.available_space() as f64);
            measures.push(("disk_usage_megabytes", (total - available) / MEGABYTE));
            measures.push(("disk_usage_percentage", share(total - available, total)));
            measures.push(("disk_available_megabytes", available / MEGABYTE));
        }
        let mut measures: Vec<(String, f64)> =
            measures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        measures.extend(self.gpus.as_ref().map(Gpus::sample).unwrap_or_default());
        // More digits say nothing.
        measures.into_iter().map(|(name, value)| (name, (value * 10.0).round() / 10.0)).collect()
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole * 100.0 } else { 0.0 }
}

fn totals(networks: &Networks) -> (u64, u64) {
    networks.list().values().fold((0, 0), |(received, sent), network| {
        (received + network.total_received(), sent + network.total_transmitted())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_of_this_machine() {
        let mut machine = Machine::new();
        std::thread::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
        let sample = machine.sample();
        let of = |name: &str| sample.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        let cpu = of("cpu_utilization_percentage").unwrap();
        assert!((0.0..=100.0).contains(&cpu), "{cpu}");
        assert!(of("system_memory_usage_megabytes").unwrap() > 1.0);
        let memory = of("system_memory_usage_percentage").unwrap();
        assert!(memory > 0.0 && memory <= 100.0, "{memory}");
        assert!(of("network_receive_megabytes").unwrap() >= 0.0);
    }
}
