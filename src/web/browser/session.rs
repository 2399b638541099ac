//! Sessions that no server remembers: the cookie says whose token it was made with and until when, under a seal that
//! only the token makes.
//!
//! So every replica takes it, and it ends with the token: one that was changed or removed seals nothing any more.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::super::access::Token;

/// How long a session lasts, in seconds: a working day.
pub(super) const LASTS: i64 = 8 * 3600;

/// What a key is derived for: the token itself seals nothing.
const DERIVED_FOR: &[u8] = b"whmeter session, first form";

/// What a seal is of. One of a session is none of a form.
const OF_SESSION: &[u8] = b"session\n";
const OF_FORM: &[u8] = b"form\n";

/// A session that holds.
pub(super) struct Session {
    /// The name of the token that it was made with.
    pub token: Arc<str>,
    /// What each of its forms repeats.
    pub form: String,
}

/// What a cookie comes to.
pub(super) enum Opened<'t> {
    /// It was sealed with this token, and holds.
    Good(&'t Token, Session),
    /// It was sealed with a token of now, and is over.
    Over,
    /// No token of now has sealed it: the token was changed, or somebody guesses.
    Foreign,
}

/// The cookie of a new session.
pub(super) fn seal(token: &Token, id: [u8; 16], now: i64) -> String {
    let (id, expires) = (URL_SAFE_NO_PAD.encode(id), now + LASTS);
    let seal = mac(token, OF_SESSION, &sealed(&token.name, expires, &id)).finalize().into_bytes();
    let name = URL_SAFE_NO_PAD.encode(token.name.as_bytes());
    format!("{name}.{expires}.{id}.{}", URL_SAFE_NO_PAD.encode(seal))
}

/// What a cookie comes to, as it came back.
pub(super) fn open<'t>(cookie: &str, tokens: &'t [Token], now: i64) -> Opened<'t> {
    let parts: Vec<&str> = cookie.split('.').collect();
    let [name, expires, id, seal] = parts[..] else { return Opened::Foreign };
    let decoded = |text| URL_SAFE_NO_PAD.decode(text).ok();
    let (Some(name), Some(seal), Ok(expires)) = (decoded(name), decoded(seal), expires.parse::<i64>()) else {
        return Opened::Foreign;
    };
    // Compared in constant time.
    let fits = |token: &&Token| {
        mac(token, OF_SESSION, &sealed(&token.name, expires, id)).verify_slice(&seal).is_ok()
    };
    let mut own = tokens.iter().filter(|token| token.name.as_bytes() == name);
    let Some(token) = own.find(fits) else { return Opened::Foreign };
    if !(now..=now + LASTS).contains(&expires) {
        return Opened::Over;
    }
    let form = URL_SAFE_NO_PAD.encode(mac(token, OF_FORM, id).finalize().into_bytes());
    Opened::Good(token, Session { token: Arc::clone(&token.name), form })
}

/// A name has no control characters, so that no two sessions read alike.
fn sealed(name: &str, expires: i64, id: &str) -> String {
    format!("{name}\n{expires}\n{id}")
}

fn mac(token: &Token, label: &[u8], text: &str) -> Hmac<Sha256> {
    let mut key = keyed(token.secret.expose().as_bytes());
    key.update(DERIVED_FOR);
    let mut mac = keyed(&key.finalize().into_bytes());
    mac.update(label);
    mac.update(text.as_bytes());
    mac
}

#[allow(clippy::expect_used)]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of every length")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000;

    fn token(name: &str, secret: &str) -> Token {
        let text = format!("name = {name:?}\nscope = [\"read\"]\ntoken = {secret:?}");
        let settings = toml::from_str(&text).expect("a token");
        Token::new(settings).expect("a good token")
    }

    fn holds(cookie: &str, tokens: &[Token], now: i64) -> bool {
        matches!(open(cookie, tokens, now), Opened::Good(..))
    }

    #[test]
    fn a_session_holds_for_eight_hours_and_ends_with_its_token() {
        let people = token("people", "a-token-0123456789");
        let others =
            [token("b", "a-token-0123456789"), people.clone(), token("people", "another-0123456789")];
        let cookie = seal(&people, [7; 16], NOW);
        assert!(holds(&cookie, std::slice::from_ref(&people), NOW));
        assert!(holds(&cookie, &others, NOW + LASTS), "among others, also of the same name");
        assert!(matches!(open(&cookie, &others, NOW + LASTS + 1), Opened::Over));
        // Made in the future: a clock was wrong, and it would hold for longer than is said.
        assert!(matches!(open(&cookie, &others, NOW - 1), Opened::Over));
        let changed = [token("people", "a-token-changed-01")];
        let renamed = [token("person", "a-token-0123456789")];
        for tokens in [&changed[..], &renamed[..], &[]] {
            assert!(matches!(open(&cookie, tokens, NOW), Opened::Foreign));
        }
        assert!(!cookie.contains("a-token-0123456789"), "never the token itself");
    }

    #[test]
    fn no_part_of_a_cookie_can_be_changed() {
        let people = [token("people", "a-token-0123456789"), token("admins", "other-tokens-01234")];
        let cookie = seal(&people[0], [7; 16], NOW);
        let parts: Vec<&str> = cookie.split('.').collect();
        let with = |place: usize, part: &str| {
            let mut parts = parts.clone();
            parts[place] = part;
            parts.join(".")
        };
        let later = (NOW + LASTS + 60).to_string();
        for forged in [
            with(0, &URL_SAFE_NO_PAD.encode("admins")),
            with(1, &later),
            with(1, &format!("+{}", parts[1])),
            with(2, &URL_SAFE_NO_PAD.encode([8; 16])),
            with(3, &URL_SAFE_NO_PAD.encode([0; 32])),
            with(3, ""),
            with(3, &parts[3][..20]),
            parts[..3].join("."),
            format!("{cookie}.x"),
            String::new(),
            "....".into(),
        ] {
            // A sign is read as the number it stands before, and means the same time.
            let same = forged.contains(".+");
            assert_eq!(holds(&forged, &people, NOW), same, "{forged}");
        }
    }

    #[test]
    fn the_word_of_a_form_belongs_to_one_session_and_seals_none() {
        let people = [token("people", "a-token-0123456789")];
        let form = |id| match open(&seal(&people[0], [id; 16], NOW), &people, NOW) {
            Opened::Good(_, session) => session.form,
            _ => panic!("it does not hold"),
        };
        assert_eq!(form(1), form(1));
        assert_ne!(form(1), form(2));
        assert!(!seal(&people[0], [1; 16], NOW).contains(&form(1)));
    }
}
