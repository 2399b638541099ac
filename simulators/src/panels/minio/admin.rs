//! The admin calls: which there are, what they need, who may ask.

use super::accounts;
use super::groups;
use super::mapping;
use super::policies;
use super::quota;
use super::refusal::Refusal;
use super::reply::Reply;
use super::report;
use super::server::{Call, Server};
use super::switches::{Attach, Flavour};
use super::usage;
use super::users;
use axum::http::Method;

/// One admin call.
pub struct Route {
    method: Method,
    /// The name in the path.
    pub name: &'static str,
    parameters: &'static [&'static str],
    /// Any of these rights lets a signer in; none: everybody who can sign.
    rights: &'static [&'static str],
    answer: fn(&Call<'_>) -> Result<Reply, Refusal>,
}

type Answer = fn(&Call<'_>) -> Result<Reply, Refusal>;
type Texts = &'static [&'static str];

const fn route(
    method: Method,
    name: &'static str,
    parameters: Texts,
    rights: Texts,
    answer: Answer,
) -> Route {
    Route { method, name, parameters, rights, answer }
}

const ATTACH: Texts = &["admin:UpdatePolicyAssociation", "admin:AttachUserOrGroupPolicy"];
const ENTITIES: Texts = &["admin:ListGroups", "admin:ListUsers", "admin:ListUserPolicies"];
const MEMBERS: Texts = &["admin:AddUserToGroup", "admin:RemoveUserFromGroup"];

#[rustfmt::skip]
static ROUTES: [Route; 23] = [
    route(Method::GET, "list-users", &[], &["admin:ListUsers"], users::list),
    route(Method::GET, "user-info", &["accessKey"], &[], users::show),
    route(Method::PUT, "add-user", &["accessKey"], &[], users::add),
    route(Method::DELETE, "remove-user", &["accessKey"], &["admin:DeleteUser"], users::remove),
    route(Method::PUT, "set-user-status", &["accessKey", "status"], &["admin:EnableUser"], users::set_status),
    route(Method::GET, "groups", &[], &["admin:ListGroups"], groups::list),
    route(Method::GET, "group", &["group"], &["admin:GetGroup"], groups::show),
    route(Method::PUT, "update-group-members", &[], MEMBERS, groups::update),
    route(Method::PUT, "set-group-status", &["group", "status"], &["admin:EnableGroup"], groups::set_status),
    route(Method::PUT, "add-canned-policy", &["name"], &["admin:CreatePolicy"], policies::add),
    route(Method::GET, "info-canned-policy", &["name"], &["admin:GetPolicy"], policies::show),
    route(Method::GET, "list-canned-policies", &[], &["admin:ListUserPolicies"], policies::list),
    route(Method::DELETE, "remove-canned-policy", &["name"], &["admin:DeletePolicy"], policies::remove),
    route(Method::PUT, "set-user-or-group-policy", &["policyName", "userOrGroup", "isGroup"], &["admin:AttachUserOrGroupPolicy"], mapping::set),
    route(Method::POST, "idp/builtin/policy/attach", &[], ATTACH, mapping::attach),
    route(Method::POST, "idp/builtin/policy/detach", &[], ATTACH, mapping::detach),
    route(Method::GET, "idp/builtin/policy-entities", &[], ENTITIES, mapping::entities),
    route(Method::GET, "get-bucket-quota", &["bucket"], &[], quota::show),
    route(Method::PUT, "set-bucket-quota", &["bucket"], &[], quota::set),
    route(Method::GET, "accountinfo", &[], &[], accounts::show),
    route(Method::GET, "datausageinfo", &[], &["admin:DataUsageInfo"], usage::show),
    route(Method::GET, "info", &[], &["admin:ServerInfo"], report::info),
    route(Method::GET, "storageinfo", &[], &["admin:StorageInfo"], report::storage),
];

impl Route {
    /// Checks the right and answers.
    pub fn run(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        if !self.rights.is_empty() && !self.rights.iter().any(|right| call.may(right, "", "")) {
            return Err(Refusal::new("AccessDenied"));
        }
        (self.answer)(call)
    }
}

/// The route of a call; 426 when this release does not have it.
pub fn find(
    method: &Method,
    name: &str,
    query: &[(String, String)],
    server: &Server,
) -> Result<&'static Route, Refusal> {
    let switches = server.switches();
    let is_absent = match name {
        "set-user-or-group-policy" if !is_boolean(query, "isGroup") => true,
        "set-user-or-group-policy" => !switches.set_policy_call,
        _ if name.starts_with("idp/builtin/") => switches.attach == Attach::Absent,
        _ => false,
    };
    let has = |parameter: &&str| query.iter().any(|(told, _)| told == parameter);
    let fits =
        |route: &&Route| route.method == *method && route.name == name && route.parameters.iter().all(has);
    let found = ROUTES.iter().find(fits).filter(|_| !is_absent);
    found.ok_or_else(|| match switches.flavour {
        Flavour::Rustfs => Refusal::new("NotImplemented"),
        _ => Refusal::version("This 'admin' API is not supported by server in 'mode-server-xl'"),
    })
}

fn is_boolean(query: &[(String, String)], parameter: &str) -> bool {
    let mut told = query.iter().filter(|(name, _)| name == parameter);
    told.all(|(_, value)| value == "true" || value == "false")
}

/// Refuses a version of the admin API that this server does not speak for this call.
pub fn check_version(version: &str, call: &str, server: &Server) -> Result<(), Refusal> {
    let switches = server.switches();
    let expects = |wanted: &str| {
        Refusal::version(format!(
            "Server expects client requests with 'admin' API version '{wanted}', found '{version}', please upgrade the client to latest releases"
        ))
    };
    match (switches.flavour, version) {
        (Flavour::Rustfs, "v3") => Ok(()),
        (Flavour::Rustfs, "v4") => Err(Refusal::version("")),
        (Flavour::Rustfs, _) => Err(Refusal::new("NotImplemented")),
        (Flavour::Aistor, "v4") => Ok(()),
        (Flavour::Aistor, "v3") if switches.v4_only.contains(call) => Err(expects("v4")),
        (_, "v3") => Ok(()),
        (Flavour::Aistor, _) => Err(expects("v4")),
        (_, "v1" | "v2") => Err(expects("v3")),
        _ => Err(Refusal::version(format!(
            "Unexpected client 'admin' API version found '{version}', expected 'v3', please downgrade the client to older releases"
        ))),
    }
}
