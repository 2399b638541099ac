//! Which APIs there are, in which versions, at which file, with which methods, and who may call them.

use super::switches::Switches;
use serde_json::{Map, Value, json};

/// One API of the device.
pub struct Api {
    /// Its name.
    pub name: &'static str,
    /// Its versions, first and last.
    pub versions: (u32, u32),
    /// Its methods: whether each changes something.
    methods: &'static [(&'static str, bool)],
}

const READ: bool = false;
const WRITE: bool = true;

/// What a shipped device has besides is left out: several hundred.
const APIS: &[Api] = &[
    Api { name: "SYNO.API.Auth", versions: (1, 7), methods: &[("login", READ), ("logout", READ)] },
    Api { name: "SYNO.API.Info", versions: (1, 1), methods: &[("query", READ)] },
    Api {
        name: "SYNO.Core.BandwidthControl",
        versions: (1, 2),
        methods: &[("get", READ), ("set", WRITE), ("list", READ)],
    },
    Api {
        name: "SYNO.Core.BandwidthControl.Protocol",
        versions: (1, 1),
        methods: &[("get", READ), ("set", WRITE)],
    },
    Api { name: "SYNO.Core.Group", versions: (1, 1), methods: &[("list", READ), ("get", READ)] },
    Api {
        name: "SYNO.Core.Group.Member",
        versions: (1, 1),
        methods: &[("list", READ), ("add", WRITE), ("remove", WRITE), ("change", WRITE)],
    },
    Api { name: "SYNO.Core.Quota", versions: (1, 1), methods: &[("get", READ), ("set", WRITE)] },
    Api { name: "SYNO.Core.Security.AutoBlock", versions: (1, 1), methods: &[("get", READ)] },
    Api { name: "SYNO.Core.Share", versions: (1, 1), methods: &[("list", READ)] },
    Api { name: "SYNO.Core.Storage.Volume", versions: (1, 1), methods: &[("list", READ)] },
    Api { name: "SYNO.Core.System", versions: (1, 3), methods: &[("info", READ)] },
    Api { name: "SYNO.Core.System.Utilization", versions: (1, 1), methods: &[("get", READ)] },
    Api {
        name: "SYNO.Core.User",
        versions: (1, 1),
        methods: &[("list", READ), ("get", READ), ("set", WRITE), ("delete", WRITE)],
    },
    Api {
        name: "SYNO.Core.User.Group",
        versions: (1, 1),
        methods: &[("get", READ), ("join", WRITE), ("join_status", READ)],
    },
    Api { name: "SYNO.Core.User.Home", versions: (1, 1), methods: &[("get", READ)] },
    Api { name: "SYNO.DSM.Info", versions: (1, 2), methods: &[("getinfo", READ)] },
    Api { name: "SYNO.Entry.Request", versions: (1, 2), methods: &[("request", READ)] },
    Api {
        name: "SYNO.FileStation.DirSize",
        versions: (1, 2),
        methods: &[("start", READ), ("status", READ), ("stop", READ)],
    },
    Api { name: "SYNO.FileStation.List", versions: (1, 2), methods: &[("list_share", READ)] },
    Api { name: "SYNO.Storage.CGI.Storage", versions: (1, 1), methods: &[("load_info", READ)] },
];

/// An API by its name.
pub fn api(name: &str) -> Option<&'static Api> {
    APIS.iter().find(|api| api.name == name)
}

impl Api {
    /// Its last version on this generation.
    pub fn last_version(&self, switches: &Switches) -> u32 {
        match self.name {
            "SYNO.API.Auth" if !switches.is_seven() => 6,
            _ => self.versions.1,
        }
    }

    /// Whether it has a method there, and whether that changes something.
    pub fn writes(&self, switches: &Switches, method: &str) -> Option<bool> {
        let is_there = match (self.name, method) {
            ("SYNO.Core.Group.Member", "change") => switches.is_seven(),
            ("SYNO.Core.User.Group", "get") => switches.is_seven() && switches.user_group_get,
            _ => true,
        };
        let found = self.methods.iter().find(|(name, _)| *name == method);
        found.filter(|_| is_there).map(|(_, writes)| *writes)
    }

    /// Whether people who are no administrators may call it.
    pub fn is_for_everybody(&self) -> bool {
        ["SYNO.API.", "SYNO.Entry.", "SYNO.FileStation."].iter().any(|part| self.name.starts_with(part))
    }

    /// The file below `/webapi/` that answers it.
    pub fn path<'a>(&self, switches: &'a Switches) -> &'a str {
        match self.name {
            "SYNO.API.Auth" if !switches.is_seven() => "auth.cgi",
            "SYNO.API.Info" if !switches.is_seven() => "query.cgi",
            _ => &switches.entry_path,
        }
    }
}

/// What `SYNO.API.Info query` tells of the APIs asked for; `all` asks for every one.
pub fn told(switches: &Switches, asked: &str) -> Value {
    let asked: Vec<&str> = asked.split(',').map(str::trim).collect();
    let all = asked.is_empty() || asked == [""] || asked.contains(&"all");
    let apis = APIS.iter().filter(|api| all || asked.contains(&api.name));
    let told = apis.map(|api| {
        let mut shown = json!({
            "maxVersion": api.last_version(switches), "minVersion": api.versions.0, "path": api.path(switches),
        });
        if api.name.starts_with("SYNO.Core.") || api.name.starts_with("SYNO.Entry.") {
            shown["requestFormat"] = "JSON".into();
        }
        (api.name.to_owned(), shown)
    });
    Value::Object(told.collect::<Map<_, _>>())
}
