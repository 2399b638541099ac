//! Requests of the XML API. Elements are written in the order of the schema, which the panel insists on.
//!
//! Whatever changes something is about one subscription by its number: there is no way to write it for all.

use std::fmt::Write;

use crate::domain::UsageDay;

/// Which subscriptions a reading is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which<'a> {
    /// All that the login may see.
    All,
    /// The one whose main domain this is.
    Named(&'a str),
    /// Those with these numbers.
    Numbered(&'a [u64]),
}

/// One operation of one operator, ready to be put into a packet.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    operator: &'static str,
    operation: &'static str,
    content: String,
    /// Whether it changes nothing, so that it may be asked twice.
    pub is_read: bool,
}

impl Operation {
    fn read(operator: &'static str, operation: &'static str, content: String) -> Operation {
        Operation { operator, operation, content, is_read: true }
    }

    /// Its name in errors, and in answers: `webspace/get`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.operator, self.operation)
    }

    /// The whole packet; the version of the protocol is left out unless there is one to name.
    pub fn packet(&self, version: Option<&str>) -> String {
        let version = version.map(|version| format!(" version=\"{}\"", escaped(version))).unwrap_or_default();
        let Operation { operator, operation, content, .. } = self;
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<packet{version}><{operator}><{operation}>{content}\
             </{operation}></{operator}></packet>"
        )
    }

    /// The protocols that the panel speaks.
    pub fn protocols() -> Operation {
        Operation { operator: "server", operation: "get_protos", content: String::new(), is_read: true }
    }

    /// The panel about itself: `dataset` is one of `gen_info`, `stat`, `prefs`.
    pub fn server(dataset: &str) -> Operation {
        Operation::read("server", "get", format!("<{dataset}/>"))
    }

    /// Subscriptions. `datasets` are in the order of the schema.
    pub fn subscriptions(which: Which<'_>, datasets: &[&str]) -> Operation {
        let datasets: String = datasets.iter().map(|dataset| format!("<{dataset}/>")).collect();
        Operation::read("webspace", "get", format!("{}<dataset>{datasets}</dataset>", filter(which)))
    }

    /// What subscriptions moved, day by day; without an end until the panel's own today.
    pub fn traffic(which: Which<'_>, first: UsageDay, last: Option<UsageDay>) -> Operation {
        Operation::read("webspace", "get_traffic", format!("{}{}", filter(which), dates(first, last)))
    }

    /// The additional sites of subscriptions, by the numbers of these.
    pub fn sites(parents: &[u64]) -> Operation {
        let parents: String = parents.iter().map(|id| format!("<parent-id>{id}</parent-id>")).collect();
        Operation::read("site", "get", format!("<filter>{parents}</filter><dataset><gen_info/></dataset>"))
    }

    /// What sites moved, day by day.
    pub fn site_traffic(sites: &[u64], first: UsageDay, last: Option<UsageDay>) -> Operation {
        let content = format!("{}{}", filter(Which::Numbered(sites)), dates(first, last));
        Operation::read("site", "get_traffic", content)
    }

    /// All service plans, of every owner where `of_all`: only an administrator may ask for these.
    pub fn plans(of_all: bool) -> Operation {
        let owners = if of_all { "<owner-all/>" } else { "" };
        Operation::read("service-plan", "get", format!("<filter/>{owners}"))
    }

    /// All resellers.
    pub fn resellers() -> Operation {
        let content = "<filter><all/></filter><dataset><gen-info/></dataset>".to_string();
        Operation::read("reseller", "get", content)
    }

    /// Sets the status of one subscription; without one it changes nothing, and shows whether that would be allowed.
    pub fn set_status(subscription: u64, status: Option<u64>) -> Operation {
        let setup = status.map(|status| format!("<gen_setup><status>{status}</status></gen_setup>"));
        let content =
            format!("<filter><id>{subscription}</id></filter><values>{}</values>", setup.unwrap_or_default());
        Operation { operator: "webspace", operation: "set", content, is_read: false }
    }
}

fn filter(which: Which<'_>) -> String {
    match which {
        Which::All => "<filter/>".into(),
        Which::Named(name) => format!("<filter><name>{}</name></filter>", escaped(name)),
        Which::Numbered(ids) => {
            let ids: String = ids.iter().map(|id| format!("<id>{id}</id>")).collect();
            format!("<filter>{ids}</filter>")
        }
    }
}

fn dates(first: UsageDay, last: Option<UsageDay>) -> String {
    let mut dates = format!("<since_date>{first}</since_date>");
    if let Some(last) = last {
        let _ = write!(dates, "<to_date>{last}</to_date>");
    }
    dates
}

fn escaped(text: &str) -> std::borrow::Cow<'_, str> {
    quick_xml::escape::escape(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_stand_in_the_order_of_the_schema_and_names_are_escaped() {
        let day = |text| UsageDay::parse(text).expect("a day");
        let packet = |operation: Operation| {
            let text = operation.packet(None);
            text.split_once("<packet>").map(|(_, rest)| rest.to_string()).expect("a packet")
        };
        assert_eq!(
            packet(Operation::subscriptions(Which::Named("a&b<c>.example"), &["gen_info", "limits"])),
            "<webspace><get><filter><name>a&amp;b&lt;c&gt;.example</name></filter><dataset><gen_info/><limits/>\
             </dataset></get></webspace></packet>"
        );
        assert_eq!(
            packet(Operation::traffic(
                Which::Numbered(&[12, 13]),
                day("2026-11-01"),
                Some(day("2026-11-03"))
            )),
            "<webspace><get_traffic><filter><id>12</id><id>13</id></filter><since_date>2026-11-01</since_date>\
             <to_date>2026-11-03</to_date></get_traffic></webspace></packet>"
        );
        assert_eq!(
            packet(Operation::set_status(12, Some(16))),
            "<webspace><set><filter><id>12</id></filter><values><gen_setup><status>16</status></gen_setup></values>\
             </set></webspace></packet>"
        );
        assert!(
            Operation::protocols().packet(Some("1.6.9.1")).contains("<packet version=\"1.6.9.1\"><server>")
        );
        assert!(!Operation::set_status(1, None).is_read);
    }
}
