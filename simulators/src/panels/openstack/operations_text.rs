//! The operations of `aggregates`: a text in brackets, or the same as nested lists.

use serde_json::Value;

/// What is to be made of measures.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Measures as they are: names and aggregations.
    Metric(Vec<(String, String)>),
    /// All series as one, point by point.
    Aggregate(String, Box<Operation>),
    /// Longer windows of each series: how, and their seconds.
    Resample(String, i64, Box<Operation>),
    /// No value below this.
    ClipMin(f64, Box<Operation>),
    /// No value above this.
    ClipMax(f64, Box<Operation>),
    /// The difference from each point to the next.
    RateOfChange(Box<Operation>),
    /// Each value times this.
    Times(f64, Box<Operation>),
}

/// Reads `operations`; `None` where it is not understood.
pub fn read(told: &Value) -> Option<Operation> {
    match told {
        Value::String(text) => {
            let mut words: Vec<String> =
                text.replace('(', " ( ").replace(')', " ) ").split_whitespace().map(str::to_owned).collect();
            words.reverse();
            let list = listed(&mut words)?;
            if words.is_empty() { operation(&list) } else { None }
        }
        list => operation(list),
    }
}

/// Words in brackets as lists.
fn listed(words: &mut Vec<String>) -> Option<Value> {
    let word = words.pop()?;
    if word != "(" {
        return Some(word.parse::<f64>().map_or_else(|_| word.into(), Value::from));
    }
    let mut list = Vec::new();
    while words.last()? != ")" {
        list.push(listed(words)?);
    }
    words.pop();
    Some(Value::Array(list))
}

fn operation(told: &Value) -> Option<Operation> {
    let list = told.as_array()?;
    let (name, rest) = list.split_first()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let inner = |value: &Value| operation(value).map(Box::new);
    Some(match (name.as_str()?, rest) {
        ("metric", [name, how]) if name.is_string() => Operation::Metric(vec![(text(name)?, text(how)?)]),
        ("metric", pairs) => {
            let pairs = pairs.iter().map(|pair| Some((text(&pair[0])?, text(&pair[1])?)));
            Operation::Metric(pairs.collect::<Option<_>>()?)
        }
        ("aggregate", [how, of]) => Operation::Aggregate(text(how)?, inner(of)?),
        ("resample", [how, seconds, of]) => {
            Operation::Resample(text(how)?, seconds.as_f64()? as i64, inner(of)?)
        }
        ("clip_min", [least, of]) => Operation::ClipMin(least.as_f64()?, inner(of)?),
        ("clip_max", [most, of]) => Operation::ClipMax(most.as_f64()?, inner(of)?),
        ("rateofchange", [of]) => Operation::RateOfChange(inner(of)?),
        ("*", [one, other]) => match one.as_f64() {
            Some(by) => Operation::Times(by, inner(other)?),
            None => Operation::Times(other.as_f64()?, inner(one)?),
        },
        _ => return None,
    })
}
