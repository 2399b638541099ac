//! Lines of a shell as the pages have them: words, quotes, comments, what is joined by `&&` and `|`, and where output goes.

/// The commands of a block, each as its words; where its output goes is left out.
pub fn commands(block: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut to_file = false;
    for word in words(&block.replace("\\\n", " ")) {
        match word.as_str() {
            "&&" | "||" | "|" | ";" => commands.push(Vec::new()),
            ">" | ">>" | "<" => to_file = true,
            _ if std::mem::take(&mut to_file) => {}
            _ => commands.last_mut().unwrap().push(word),
        }
    }
    commands.retain(|command| !command.is_empty());
    commands
}

/// A line that ends is a `;`, save within quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let (mut quote, mut is_comment) = (None, false);
    for c in text.chars() {
        match (quote, c) {
            (None, '\n') => {
                is_comment = false;
                words.extend(word.take());
                words.push(";".into());
            }
            _ if is_comment => {}
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => is_comment = true,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, ';') => {
                words.extend(word.take());
                words.push(";".into());
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    assert!(quote.is_none(), "a quote that does not end: {text}");
    words.extend(word);
    words
}

/// What is run of a command, without what only says who runs it where.
pub fn own(command: &[String]) -> &[String] {
    let is_assignment = |word: &&String| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        })
    };
    let assignments = command.iter().take_while(is_assignment).count();
    let command = &command[assignments..];
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let before = match words.as_slice() {
        ["sudo", "-u", _, ..] => 3,
        ["sudo", ..] => 1,
        ["runuser", "-u", _, "--", ..] => 4,
        ["docker", "compose", "run", "--rm", "whmeter", ..] => 4,
        ["docker", "compose", "exec", "whmeter", ..] => 4,
        _ => return command,
    };
    own(&command[before..])
}

#[test]
fn words_are_read_as_a_shell_reads_them() {
    let read = commands(
        "A=1 sudo whmeter invoice --settle 'whm 1/x' created  # or\nwhmeter a \\\n  b > c && x#y | z",
    );
    assert_eq!(own(&read[0]).join("|"), "whmeter|invoice|--settle|whm 1/x|created");
    assert_eq!(read[1..], [vec!["whmeter", "a", "b"], vec!["x#y"], vec!["z"]]);
}
