//! docs/configuration.md, made of the sections' own types and of the samples that `whmeter sample-config` prints. `BLESS=1`
//! writes it; without, it has to be what it would be.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use whmeter::backends::KINDS;

const PAGE: &str = "docs/configuration.md";

/// A type and the file it is in.
type TypeAt = (&'static str, &'static str);

/// A section: how it is written, what it is, and the types it is read into.
type SectionOf = (&'static str, &'static str, &'static [TypeAt]);

const SECTIONS: [SectionOf; 14] = [
    ("[whmcs]", "The zone, the unit, and WHMCS's API.", &[("src/usage_api/mod.rs", "WhmcsSettings")]),
    ("[whmcs.unit_bases]", "", &[("src/usage_api/mod.rs", "UnitBases")]),
    ("[store]", "Where numbers are kept, and how long.", &[("src/store/open.rs", "StoreSettings")]),
    ("[http]", "Where it is served.", &[("src/config/serve.rs", "ServeSettings")]),
    ("[[http.token]]", "Who may ask what.", &[("src/web/access.rs", "TokenSettings")]),
    (
        "[[backend]]",
        "A panel. These keys are every kind's; `kind` says which it is, and each kind has [keys of its own](#kinds).",
        &[("src/backends/configured.rs", "CommonSettings"), ("src/http/settings.rs", "HttpSettings")],
    ),
    (
        "[[limit]]",
        "What accounts may use. Of the rules for a meter the first that matches wins.",
        &[("src/selector.rs", "SelectorSettings"), ("src/rules/limits.rs", "LimitSettings")],
    ),
    (
        "[[price]]",
        "What more than that costs, for `whmeter invoice` ([invoices.md](invoices.md)).",
        &[("src/selector.rs", "SelectorSettings"), ("src/rules/prices.rs", "PriceSettings")],
    ),
    (
        "[[adopt]]",
        "Which product accounts of a package are sold as, for `whmeter adopt` ([whmcs-guide.md](whmcs-guide.md)). The first that matches \
         wins. `product` says nothing here: what is adopted has none yet.",
        &[("src/selector.rs", "SelectorSettings"), ("src/rules/adoptions.rs", "AdoptSettings")],
    ),
    ("[notify]", "Who is notified.", &[("src/notify/settings.rs", "NotifySettings")]),
    ("[notify.smtp]", "", &[("src/notify/smtp.rs", "SmtpSettings")]),
    (
        "[notify.webhook]",
        "The keys about HTTP that a `[[backend]]` has (`timeout`, `tls_ca_file`, …) as well.",
        &[("src/notify/webhook.rs", "WebhookSettings")],
    ),
    (
        "[notify.alertmanager]",
        "The keys about HTTP as well.",
        &[("src/notify/alertmanager.rs", "AlertmanagerSettings")],
    ),
    (
        "[report]",
        "What staff are told by mail, once a day where this section is: what has changed, what is not billed and what is not well. \
         Needs `[notify.smtp]`.",
        &[("src/console/daily/settings.rs", "ReportSettings")],
    ),
];

/// One key of a section.
struct Key {
    name: String,
    value: String,
    is_needed: bool,
    meaning: String,
}

#[test]
fn the_configuration_page_is_what_the_code_says() {
    let page = rendered();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = page.lines().zip(kept.lines()).find(|(made, kept)| made != kept);
    assert!(
        page == kept,
        "{PAGE} is stale: BLESS=1 cargo test --test documents reference; first {differs:?}"
    );
}

/// Whoever reads the sample finds every key in it or in the table.
#[test]
fn every_key_says_what_it_means() {
    let mut silent = Vec::new();
    for (section, _, types) in SECTIONS {
        let keys = keys_of(types);
        assert!(!keys.is_empty(), "{section} has no keys");
        silent.extend(
            keys.iter().filter(|key| key.meaning.len() < 8).map(|key| format!("{section} {}", key.name)),
        );
    }
    assert!(silent.is_empty(), "no doc comment: {}", silent.join(", "));
}

fn rendered() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         <!-- Made by `make bless`: the doc comments of the sections' types, and the samples of `whmeter sample-config`. -->\n\n\
         One file in TOML: `--config FILE`, else `$WHMETER_CONFIG`, `./whmeter.toml`, `/etc/whmeter/whmeter.toml`.\n\
         `whmeter sample-config KIND` prints one to fill in, `whmeter check` tries all of it and writes nothing. An unknown key is an\n\
         error that names the nearest one. SIGHUP reads the file again; addresses, certificates, `timezone` and `[store]` need a restart.\n\n\
         **Secrets.** A key whose value is a *secret* may be written as `X = \"…\"`, `X_file = \"path\"` (relative to this file) or\n\
         `X_env = \"NAME\"`.\n\n\
         **Values.** A *time* has its unit: `\"30s\"`, `\"15m\"`, `\"26h\"`, `\"100d\"`. So has a *size*: `B kB MB GB TB PB` (10^3) or\n\
         `KiB MiB GiB TiB PiB` (2^10), and a *rate* (`\"10 GB/s\"`). *Globs* know `*`.\n",
    );
    for (section, what, types) in SECTIONS {
        write!(page, "\n## `{section}`\n\n").unwrap();
        if !what.is_empty() {
            writeln!(page, "{what}\n").unwrap();
        }
        page.push_str("| key | value | meaning |\n|---|---|---|\n");
        if section == "[[backend]]" {
            let kinds: Vec<String> = KINDS.iter().map(|kind| format!("`{}`", kind.name)).collect();
            writeln!(page, "| `kind` | text, **needed** | {} |", kinds.join(" ")).unwrap();
        }
        for key in keys_of(types) {
            let needed = if key.is_needed { ", **needed**" } else { "" };
            writeln!(page, "| `{}` | {}{needed} | {} |", key.name, key.value, key.meaning).unwrap();
        }
    }
    page.push_str("\n## Kinds\n\nAs `whmeter sample-config KIND` prints them. A line that begins with `# key =` shows what may be written there.\n");
    for kind in KINDS {
        let sample = kind.sample.trim();
        write!(page, "\n### {}\n\n[Its page](../src/backends/{}/README.md) has the rights it needs.\n\n```toml\n{sample}\n```\n", kind.name, kind.name).unwrap();
    }
    page
}

fn keys_of(types: &[(&str, &str)]) -> Vec<Key> {
    let mut keys: BTreeMap<String, usize> = BTreeMap::new();
    let mut found: Vec<Key> = Vec::new();
    for (file, name) in types {
        for key in keys_of_type(file, name) {
            // Two tables that share a key are one row.
            if keys.insert(key.name.clone(), found.len()).is_none() {
                found.push(key);
            }
        }
    }
    found
}

fn keys_of_type(file: &str, name: &str) -> Vec<Key> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let found = parsed.items.iter().find_map(|item| match item {
        syn::Item::Struct(found) if found.ident == name => Some(found),
        _ => None,
    });
    let found = found.unwrap_or_else(|| panic!("{file} has no struct {name}"));
    let all_default = serde_says(&found.attrs, "default");
    found.fields.iter().map(|field| key_of(field, all_default)).collect()
}

fn key_of(field: &syn::Field, all_default: bool) -> Key {
    let written = type_name(&field.ty);
    let optional = written.strip_prefix("Option<").and_then(|rest| rest.strip_suffix('>'));
    let value = match optional.unwrap_or(&written) {
        "String" | "PathBuf" | "SocketAddr" | "BillFrom" | "Url" => "text",
        "Secret" => "secret",
        "Period" => "time",
        "Size" => "size",
        "MaxRate" => "rate",
        "bool" => "true or false",
        "Vec<String>" => "list of texts",
        "Vec<Scope>" => "list of texts",
        "Vec<i64>" => "list of numbers",
        "Vec<u32>" => "list of numbers",
        "i64" | "u32" | "u16" | "NonZeroUsize" | "NonZeroU32" | "Base" => "number",
        "toml::Table" | "UnitBases" => "table",
        "Vec<toml::Table>" => "tables",
        _ => "text",
    };
    Key {
        name: field.ident.as_ref().unwrap().to_string(),
        value: value.into(),
        is_needed: optional.is_none() && !all_default && !serde_says(&field.attrs, "default"),
        meaning: doc_of(&field.attrs),
    }
}

fn type_name(ty: &syn::Type) -> String {
    use quote::ToTokens;
    ty.to_token_stream().to_string().replace(' ', "")
}

fn serde_says(attributes: &[syn::Attribute], word: &str) -> bool {
    let lists = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
    lists
        .filter_map(|attribute| attribute.meta.require_list().ok())
        .any(|list| list.tokens.to_string().contains(word))
}

/// The doc comment in one line, as a cell of a table.
fn doc_of(attributes: &[syn::Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => {
                Some(text.value().trim().to_string())
            }
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ").replace('|', "\\|").replace("[`", "`").replace("`]", "`")
}
