//! NVIDIA's GPUs, where their library is. It is looked for once; without it there is nothing to tell.

use std::fmt;

use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;

use super::reading::Gpu;

/// The most GPUs that are read.
const GPUS_MAX: u32 = 64;

/// The library, if it is there.
pub(super) struct Gpus(Option<Nvml>);

impl fmt::Debug for Gpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gpus").field(&self.0.is_some()).finish()
    }
}

impl Gpus {
    pub(super) fn find() -> Self {
        match Nvml::init() {
            Ok(library) => Self(Some(library)),
            Err(error) => {
                tracing::debug!("health: no GPUs: {error}");
                Self(None)
            }
        }
    }

    pub(super) fn read(&self) -> Vec<Gpu> {
        let Some(library) = &self.0 else { return Vec::new() };
        let count = library.device_count().unwrap_or(0).min(GPUS_MAX);
        (0..count).filter_map(|index| read_one(library, index)).collect()
    }
}

fn read_one(library: &Nvml, index: u32) -> Option<Gpu> {
    let device = library.device_by_index(index).ok()?;
    let memory = device.memory_info().ok();
    Some(Gpu {
        index,
        name: device.name().unwrap_or_default(),
        usage_percent: device.utilization_rates().ok().map(|rates| f64::from(rates.gpu)),
        memory_used_bytes: memory.as_ref().map(|memory| memory.used),
        memory_total_bytes: memory.as_ref().map(|memory| memory.total),
        temperature_celsius: device.temperature(TemperatureSensor::Gpu).ok().map(f64::from),
        power_watts: device.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1e3),
    })
}
