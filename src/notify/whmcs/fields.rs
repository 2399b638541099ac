//! The merge fields of the disk-limit templates that the MinIO and Synology modules for WHMCS bring.
//!
//! The templates calculate with two of them and cannot round, so those two are numbers and all others
//! arrive formatted. Source: docs of the PUQ modules, "Email templates"; developers.whmcs.com, "SendEmail".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::message::escape;
use super::super::unit::{Unit, hundredths};
use super::php::{NotFinite, Scalar, serialize};
use crate::domain::Bytes;
use crate::quota::Notification;

/// The fields with their values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fields(Vec<(&'static str, Scalar)>);

impl Fields {
    /// What `notification` says, in `unit`.
    pub fn of(notification: &Notification, unit: Unit) -> Fields {
        let percent = notification.hundredths();
        let free = notification.limit.checked_sub(notification.used).unwrap_or(Bytes::ZERO);
        let text = |text: String| Scalar::Text(text);
        Fields(vec![
            ("username", text(escape(notification.account.name.as_str()))),
            ("disk_limit_bytes", Scalar::Whole(notification.limit.as_i64())),
            ("unit_coefficient", Scalar::Fraction(1.0 / unit.bytes() as f64)),
            ("unit", text(unit.short_name().to_string())),
            ("disk_used_unit", text(unit.write(notification.used))),
            ("disk_used_percentage", text(hundredths(percent))),
            ("disk_free_unit", text(unit.write(free))),
            ("disk_free_percentage", text(hundredths(10_000_u128.saturating_sub(percent)))),
        ])
    }

    /// As `customvars` wants them: serialized by PHP's rules, then base64.
    pub fn encoded(&self) -> Result<String, NotFinite> {
        Ok(STANDARD.encode(serialize(&self.0)?))
    }

    /// The value that stands for `{$name}` in a subject, where it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|(field, value)| match value {
            Scalar::Text(text) if *field == name => Some(text.as_str()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::notification;
    use super::*;
    use crate::quota::Occasion;

    fn gib() -> Unit {
        Unit::of_bytes(1 << 30).expect("a unit")
    }

    #[test]
    fn below_the_limit() {
        let fields = Fields::of(&notification(Occasion::Notify, "1042-7731"), gib());
        let serialized = concat!(
            r#"a:8:{s:8:"username";s:9:"1042-7731";s:16:"disk_limit_bytes";i:107374182400;"#,
            r#"s:16:"unit_coefficient";d:9.313225746154785E-10;s:4:"unit";s:2:"GB";"#,
            r#"s:14:"disk_used_unit";s:5:"93.41";s:20:"disk_used_percentage";s:5:"93.41";"#,
            r#"s:14:"disk_free_unit";s:4:"6.59";s:20:"disk_free_percentage";s:4:"6.59";}"#
        );
        assert_eq!(serialize(&fields.0).expect("finite"), serialized);
        assert_eq!(serialized.len(), 290);
        assert_eq!(
            fields.encoded().expect("finite"),
            "YTo4OntzOjg6InVzZXJuYW1lIjtzOjk6IjEwNDItNzczMSI7czoxNjoiZGlza19saW1pdF9ieXRlcyI7aToxMDczNzQxODI0MDA7\
             czoxNjoidW5pdF9jb2VmZmljaWVudCI7ZDo5LjMxMzIyNTc0NjE1NDc4NUUtMTA7czo0OiJ1bml0IjtzOjI6IkdCIjtzOjE0OiJk\
             aXNrX3VzZWRfdW5pdCI7czo1OiI5My40MSI7czoyMDoiZGlza191c2VkX3BlcmNlbnRhZ2UiO3M6NToiOTMuNDEiO3M6MTQ6ImRp\
             c2tfZnJlZV91bml0IjtzOjQ6IjYuNTkiO3M6MjA6ImRpc2tfZnJlZV9wZXJjZW50YWdlIjtzOjQ6IjYuNTkiO30="
        );
    }

    #[test]
    fn over_the_limit() {
        let mut over = notification(Occasion::Limited, "1042-7731");
        over.used = Bytes::new(111_883_898_061).expect("fits");
        let fields = Fields::of(&over, gib());
        assert_eq!(serialize(&fields.0).expect("finite").len(), 292);
        assert_eq!(
            fields.encoded().expect("finite"),
            "YTo4OntzOjg6InVzZXJuYW1lIjtzOjk6IjEwNDItNzczMSI7czoxNjoiZGlza19saW1pdF9ieXRlcyI7aToxMDczNzQxODI0MDA7\
             czoxNjoidW5pdF9jb2VmZmljaWVudCI7ZDo5LjMxMzIyNTc0NjE1NDc4NUUtMTA7czo0OiJ1bml0IjtzOjI6IkdCIjtzOjE0OiJk\
             aXNrX3VzZWRfdW5pdCI7czo2OiIxMDQuMjAiO3M6MjA6ImRpc2tfdXNlZF9wZXJjZW50YWdlIjtzOjY6IjEwNC4yMCI7czoxNDoi\
             ZGlza19mcmVlX3VuaXQiO3M6NDoiMC4wMCI7czoyMDoiZGlza19mcmVlX3BlcmNlbnRhZ2UiO3M6NDoiMC4wMCI7fQ=="
        );
    }

    #[test]
    fn a_name_is_escaped_and_the_coefficient_fits_the_unit() {
        let fields = Fields::of(
            &notification(Occasion::Notify, "a<b>&\"c'"),
            Unit::of_bytes(1_000_000).expect("a unit"),
        );
        assert_eq!(fields.text("username"), Some("a&lt;b&gt;&amp;&quot;c&#039;"));
        assert_eq!(fields.text("unit"), Some("MB"));
        let serialized = serialize(&fields.0).expect("finite");
        assert!(serialized.contains("d:1.0E-6;"), "{serialized}");
    }
}
