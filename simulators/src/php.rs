//! Reads what PHP's `serialize` wrote, as strictly as PHP's `unserialize` does.

use serde_json::{Map, Number, Value};

/// Reads one value; `None` is PHP's `false` for a text that is not well-formed. Objects are refused.
pub fn unserialize(text: &[u8]) -> Option<Value> {
    let mut reader = Reader { rest: text };
    let value = reader.value()?;
    // PHP ignores what follows; WHMCS has been seen to refuse it, and nobody should send it.
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Option<Value> {
        let (kind, after) = self.rest.split_first_chunk::<2>()?;
        self.rest = after;
        match kind {
            b"N;" => Some(Value::Null),
            b"b:" => match self.until(b';')? {
                b"0" => Some(false.into()),
                b"1" => Some(true.into()),
                _ => None,
            },
            b"i:" => Some(text(self.until(b';')?)?.parse::<i64>().ok()?.into()),
            b"d:" => {
                let digits = text(self.until(b';')?)?;
                let is_plain = digits.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
                let number = digits.parse::<f64>().ok().filter(|_| is_plain)?;
                Number::from_f64(number).map(Value::Number)
            }
            b"s:" => self.string().map(Value::String),
            b"a:" => self.array(),
            _ => None,
        }
    }

    /// `<bytes>:"…";`, the bytes counted, not the characters.
    fn string(&mut self) -> Option<String> {
        let length: usize = text(self.until(b':')?)?.parse().ok()?;
        self.expect(b"\"")?;
        let (inside, after) = self.rest.split_at_checked(length)?;
        self.rest = after;
        self.expect(b"\";")?;
        text(inside).map(str::to_owned)
    }

    /// `<count>:{key value …}`; keys are integers or strings.
    fn array(&mut self) -> Option<Value> {
        let count: usize = text(self.until(b':')?)?.parse().ok()?;
        self.expect(b"{")?;
        let mut fields = Map::new();
        for _ in 0..count {
            let key = match self.value()? {
                Value::String(key) => key,
                Value::Number(key) if key.is_i64() => key.to_string(),
                _ => return None,
            };
            let value = self.value()?;
            fields.insert(key, value);
        }
        self.expect(b"}")?;
        Some(Value::Object(fields))
    }

    fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let at = self.rest.iter().position(|byte| *byte == end)?;
        let (before, after) = self.rest.split_at(at);
        self.rest = &after[1..];
        Some(before)
    }

    fn expect(&mut self, wanted: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_php_writes_is_read() {
        let read = |text: &str| unserialize(text.as_bytes());
        assert_eq!(read("a:0:{}"), Some(json!({})));
        assert_eq!(read("s:16:\"Müller & Söhne\";"), Some(json!("Müller & Söhne")));
        let all = r#"a:5:{s:1:"a";i:-7;s:1:"b";d:9.313225746154785E-10;s:1:"c";b:1;i:3;N;s:1:"d";s:3:"";";"#;
        let all = all.replace("s:3:\"\";", "s:3:\"\";\"") + "}";
        assert_eq!(
            read(&all),
            Some(json!({"a": -7, "b": 9.313225746154785E-10, "c": true, "3": null, "d": "\";\""}))
        );
    }

    #[test]
    fn what_php_refuses_is_refused() {
        for wrong in [
            "",
            "s:1:\"ü\";",
            "s:3:\"ab\";",
            "d:NaN;",
            "d:inf;",
            "b:true;",
            "a:1:{s:1:\"a\";i:1;",
            "a:2:{s:1:\"a\";i:1;}",
            "a:0:{}\n",
            "O:8:\"stdClass\":0:{}",
            "i:1.5;",
        ] {
            assert_eq!(unserialize(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
