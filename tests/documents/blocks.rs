//! The fenced blocks of the pages, and whether each is to be run.

use std::path::Path;

/// What a block may be. `text` is a picture or an output; `numbers` is run by tests/numbers.rs.
pub const LANGUAGES: [&str; 9] = ["toml", "sh", "json", "yaml", "php", "cron", "numbers", "rust", "text"];

/// One fenced block.
pub struct Block {
    pub page: String,
    pub line: usize,
    pub language: String,
    pub text: String,
    /// Why it is not run: `<!-- not run: … -->` on the line before it.
    pub not_run: Option<String>,
}

impl Block {
    /// `page:line`, for people.
    pub fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

/// Every page that people read, relative to the root: decisions tell what was, and are none of them.
pub fn pages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<String> = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(String::from).into();
    for folder in ["docs", "whmcs", "dashboards", "migrations", "src/notify", "packaging/compose"] {
        pages.extend(markdown(root, folder));
    }
    for kind in whmeter::backends::KINDS {
        pages.extend(markdown(root, &format!("src/backends/{}", kind.name)));
    }
    assert!(pages.len() > 25, "only {pages:?}");
    pages
}

fn markdown(root: &Path, folder: &str) -> Vec<String> {
    let files = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let is_page = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let name = |path: std::path::PathBuf| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    let mut found: Vec<String> = files.filter(is_page).map(name).collect();
    found.sort();
    found
}

pub fn every_block() -> Vec<Block> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let blocks: Vec<Block> = pages()
        .into_iter()
        .flat_map(|page| {
            let text = std::fs::read_to_string(root.join(&page)).unwrap();
            blocks_of(&page, &text)
        })
        .collect();
    assert!(blocks.len() > 40, "only {} blocks found", blocks.len());
    blocks
}

fn blocks_of(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            before = line;
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
        let text: String =
            inside.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect();
        let marked = before.trim().strip_prefix("<!-- not run: ").and_then(|rest| rest.strip_suffix(" -->"));
        blocks.push(Block {
            page: page.to_string(),
            line: number + 1,
            language: language.to_string(),
            text,
            not_run: marked.map(String::from),
        });
        before = "";
    }
    blocks
}
