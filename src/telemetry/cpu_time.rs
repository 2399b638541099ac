//! Our own process: what the library tells of it, with processor time to the hundredth of a second and not in whole ones,
//! of which a rate over minutes is a staircase.

use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Opts};

const CPU: &str = "process_cpu_seconds_total";

/// The library's collector, but for processor time.
pub(super) struct OwnProcess {
    library: ProcessCollector,
    cpu: Counter,
}

impl OwnProcess {
    /// The process that asks.
    pub(super) fn new() -> Result<OwnProcess, prometheus::Error> {
        let cpu = Counter::with_opts(Opts::new(CPU, "Total user and system CPU time spent in seconds."))?;
        Ok(OwnProcess { library: ProcessCollector::for_self(), cpu })
    }
}

impl Collector for OwnProcess {
    fn desc(&self) -> Vec<&Desc> {
        self.library.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.library.collect();
        let Some(spent) = cpu_seconds() else { return families };
        // It never falls, whoever asks at once.
        self.cpu.inc_by((spent - self.cpu.get()).max(0.0));
        families.retain(|family| family.name() != CPU);
        families.extend(self.cpu.collect());
        families
    }
}

/// User and system time of this process so far.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    cpu_ticks(&stat).map(|ticks| ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The 14th and 15th field; the second is a name in brackets, with whatever in it.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, behind_the_name) = stat.rsplit_once(')')?;
    let mut times = behind_the_name.split_whitespace().skip(11);
    let (user, system) = (times.next()?.parse::<u64>().ok()?, times.next()?.parse::<u64>().ok()?);
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_that_of_user_and_system_whatever_the_process_is_called() {
        let stat = "4711 (a ) b) S 1 1 1 0 -1 4194560 100 0 0 0 250 31 7 8 20 0 1 0 5 6 7";
        assert_eq!(cpu_ticks(stat), Some(281));
        assert_eq!(cpu_ticks("4711 (whmeter"), None);
    }
}
