//! What is measured.

use std::fmt;

/// What whmeter measures of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meter {
    /// Bytes stored.
    StorageUsed,
    /// Bytes moved towards the customer's service.
    TrafficIn,
    /// Bytes moved from the customer's service.
    TrafficOut,
    /// Bytes moved either way, where the panel does not distinguish the directions.
    TrafficTotal,
}

/// How a meter adds up over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// It stands: the last value counts (storage).
    Level,
    /// It passes: values add up (traffic).
    Flow,
}

/// An unknown meter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown meter {0:?}, expected storage, traffic_in, traffic_out or traffic_total")]
pub struct UnknownMeter(String);

impl Meter {
    /// What a total is made of where the panel reports none.
    pub const DIRECTIONS: [Meter; 2] = [Meter::TrafficIn, Meter::TrafficOut];

    /// Every meter, in the order they are shown.
    pub const ALL: [Meter; 4] =
        [Meter::StorageUsed, Meter::TrafficIn, Meter::TrafficOut, Meter::TrafficTotal];

    /// What it is read from on a panel that tells these meters: itself, or of a total both directions where the panel
    /// distinguishes them; nothing where it cannot be known.
    pub fn made_of(self, told: &[Meter]) -> &'static [Meter] {
        let tells = |meter: Meter| told.contains(&meter);
        match self {
            Meter::StorageUsed if tells(self) => &[Meter::StorageUsed],
            Meter::TrafficIn if tells(self) => &[Meter::TrafficIn],
            Meter::TrafficOut if tells(self) => &[Meter::TrafficOut],
            Meter::TrafficTotal if tells(self) => &[Meter::TrafficTotal],
            Meter::TrafficTotal if tells(Meter::TrafficIn) && tells(Meter::TrafficOut) => {
                &[Meter::TrafficIn, Meter::TrafficOut]
            }
            _ => &[],
        }
    }

    /// How it adds up.
    pub fn nature(self) -> Nature {
        match self {
            Meter::StorageUsed => Nature::Level,
            Meter::TrafficIn | Meter::TrafficOut | Meter::TrafficTotal => Nature::Flow,
        }
    }

    /// Its name outside: in the config, on the command line, in JSON and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Meter::StorageUsed => "storage",
            Meter::TrafficIn => "traffic_in",
            Meter::TrafficOut => "traffic_out",
            Meter::TrafficTotal => "traffic_total",
        }
    }
}

impl std::str::FromStr for Meter {
    type Err = UnknownMeter;
    fn from_str(name: &str) -> Result<Meter, UnknownMeter> {
        Meter::ALL.into_iter().find(|meter| meter.name() == name).ok_or_else(|| UnknownMeter(name.into()))
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
