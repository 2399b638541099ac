//! Who owns subscriptions and who asks: the administrator, resellers, customers.

use super::guid::guid;

/// The administrator's number.
pub const ADMIN: u32 = 1;

/// What somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The server's administrator.
    Admin,
    /// A reseller.
    Reseller,
    /// A customer of the administrator or of a reseller.
    Customer,
}

/// Somebody with a login.
#[derive(Clone, Debug)]
pub struct Person {
    /// The number the panel gave.
    pub id: u32,
    /// What they log in as.
    pub login: String,
    /// The name of a person, for people.
    pub name: String,
    /// What they are.
    pub rank: Rank,
    /// The number of whoever sells to them; the administrator's own is their own.
    pub vendor: u32,
    /// Whether they are switched off, and with them all that is theirs.
    pub suspended: bool,
}

impl Person {
    /// The stable identity.
    pub fn guid(&self) -> String {
        guid("person", &self.login)
    }

    /// Their secret key.
    pub fn key(&self) -> String {
        guid("secret key", &self.login)
    }

    /// Their password.
    pub fn password(&self) -> String {
        format!("{}-password-9471", self.login)
    }

    /// Where notices go.
    pub fn email(&self) -> String {
        format!("{}@harborla.example", self.login)
    }

    /// 16 while they are switched off, else 0.
    pub fn status(&self) -> u16 {
        if self.suspended { 16 } else { 0 }
    }

    /// Whether they may see what belongs to `owner`.
    pub fn sees(&self, owner: &Person) -> bool {
        match self.rank {
            Rank::Admin => true,
            Rank::Reseller => owner.id == self.id || owner.vendor == self.id,
            Rank::Customer => owner.id == self.id,
        }
    }
}
