//! Glance: images of everybody, in pages of 25 where nobody says how many.

use super::call::Call;
use super::cloud::is_there;
use super::reply::{Answered, Reply};
use super::world::{ADMIN_PROJECT, World, hex_id, uuid};
use axum::http::Method;
use serde_json::{Value, json};

/// An image, and where it is shown.
struct Image {
    owner: Option<String>,
    name: &'static str,
    status: &'static str,
    visibility: &'static str,
    is_hidden: bool,
    size: Option<u64>,
}

impl Image {
    fn id(&self) -> String {
        uuid(4, &format!("image {} {:?}", self.name, self.owner))
    }
}

/// What a project's images hold: what was uploaded.
pub fn bytes(project: &str) -> u64 {
    of(project).iter().filter(|image| image.status == "active").filter_map(|image| image.size).sum()
}

/// The images of a project: a snapshot of its own, one for the community, an old one that is hidden, and one whose upload
/// has not begun.
fn of(project: &str) -> Vec<Image> {
    let seed = u64::from_str_radix(&hex_id(project)[..8], 16).unwrap_or_default();
    let image = |name, status, visibility, is_hidden, size| Image {
        owner: Some(project.to_owned()),
        name,
        status,
        visibility,
        is_hidden,
        size,
    };
    vec![
        image("snapshot", "active", "private", false, Some(1_000_000_000 + seed)),
        image("template", "active", "community", false, Some(2_252_800)),
        image("template-2019", "active", "private", true, Some(13_287_936)),
        image("next", "queued", "private", false, None),
    ]
}

fn all(world: &World) -> Vec<Image> {
    let accounts = world.projects.values().filter(|project| !project.is_own && is_there(world, &project.id));
    let mut images: Vec<Image> = accounts.flat_map(|project| of(&project.id)).collect();
    images.push(Image {
        owner: None,
        name: "debian-13",
        status: "active",
        visibility: "public",
        is_hidden: false,
        size: Some(412_352_512),
    });
    images
}

/// What needs a token, which is everything.
pub fn answer(call: &Call<'_>) -> Answered {
    if !matches!((call.method, call.path), (&Method::GET, ["v2", "images"])) {
        return Err(Reply::page(404, "The resource could not be found."));
    }
    let asked = call.query.first("visibility").unwrap_or_default();
    let hidden = call.query.first("os_hidden").unwrap_or("false").eq_ignore_ascii_case("true");
    let own = match &call.scope {
        super::cloud::Scope::Project(own) => own.as_str(),
        _ => ADMIN_PROJECT,
    };
    let is_shown = |image: &Image| {
        let is_own = image.owner.as_deref() == Some(own);
        // Images of the community are listed to strangers who ask for them.
        let listed = image.visibility != "community" || is_own || ["all", "community"].contains(&asked);
        let may = call.is_admin() || is_own || ["public", "community"].contains(&image.visibility);
        let wanted = ["", "all", image.visibility].contains(&asked);
        image.is_hidden == hidden && listed && may && wanted && !call.elsewhere
    };
    let images = all(&call.cloud.world());
    let images: Vec<Image> = images.into_iter().filter(is_shown).collect();
    let most = match call.query.first("limit") {
        Some(_) => call.switches.glance_page,
        None => 25,
    };
    let (page, next) = call.page(images, most, Image::id)?;
    let rows: Vec<Value> = page.iter().map(row).collect();
    let mut answer = json!({ "images": rows, "first": "/v2/images", "schema": "/v2/schemas/images" });
    if let Some(next) = next {
        answer["next"] = json!(format!("/v2/images?{}", call.query_after(&next)));
    }
    Ok(Reply::json(200, answer))
}

fn row(image: &Image) -> Value {
    let id = image.id();
    json!({ "id": id, "name": image.name, "owner": image.owner, "status": image.status,
        "visibility": image.visibility, "os_hidden": image.is_hidden, "size": image.size, "virtual_size": null,
        "disk_format": "qcow2", "container_format": "bare", "min_disk": 0, "min_ram": 0, "protected": false,
        "tags": [], "file": format!("/v2/images/{id}/file"), "self": format!("/v2/images/{id}"),
        "created_at": "2026-03-01T03:00:00Z", "updated_at": "2026-03-01T03:00:00Z",
        "schema": "/v2/schemas/image" })
}
