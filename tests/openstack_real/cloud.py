"""A small real cloud on loopback: Keystone, Gnocchi and Swift of the distribution, with some customers in it.

    /usr/bin/python3 cloud.py FOLDER

Starts everything on free ports with all its state below FOLDER, writes measures and objects, prints one line of JSON with
the addresses, the credentials and what a client has to find, and runs until its standard input is closed. Then it stops
what it started. Gnocchi keeps its index in PostgreSQL, so there is one of those, too.

Needs, as root on Debian: python3-keystone uwsgi-core uwsgi-plugin-python3 python3-psycopg2 python3-gnocchi
gnocchi-common swift-proxy swift-account swift-container swift-object postgresql.
"""

import datetime
import glob
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

FOLDER = os.path.abspath(sys.argv[1])
SERVICE_PASSWORD = "for-the-services"
METER_PASSWORD = "for-the-meter"
CUSTOMER_PASSWORD = "for-the-customers"
NEVER_A_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
started = []


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


KEYSTONE, GNOCCHI, SWIFT, ACCOUNTS, CONTAINERS, OBJECTS, POSTGRES = free_ports(7)
IDENTITY = f"http://127.0.0.1:{KEYSTONE}/v3"
METRIC = f"http://127.0.0.1:{GNOCCHI}"
STORE = f"http://127.0.0.1:{SWIFT}"


def note(text):
    print(f"cloud: {text}", file=sys.stderr, flush=True)


def path(*parts):
    return os.path.join(FOLDER, *parts)


def write(name, text):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), "w", encoding="utf-8") as file:
        file.write(text)
    return path(name)


def start(name, command, **options):
    log = open(path("log", name), "ab")
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **options
    )
    started.append((name, child))
    return child


def run(name, command, **options):
    with open(path("log", name), "ab") as log:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True, **options)


def stop():
    """Ends what was started, newest first, each by its own process group."""
    for name, child in reversed(started):
        if child.poll() is None:
            # PostgreSQL would wait for its clients.
            child.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
    for _, child in reversed(started):
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    started.clear()


def ask(method, url, body=None, headers=None, raw=None):
    """Status, headers and body of an answer, whatever the status."""
    headers = dict(headers or {})
    data = raw
    if body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with NEVER_A_PROXY.open(request, timeout=60) as answer:
            text = answer.read()
            return answer.status, answer.headers, json.loads(text) if text[:1] in (b"{", b"[") else None
    except urllib.error.HTTPError as error:
        return error.code, error.headers, None


def must(method, url, body=None, headers=None, raw=None):
    status, told, answer = ask(method, url, body, headers, raw)
    if not 200 <= status < 300:
        raise SystemExit(f"{method} {url}: {status}")
    return told, answer


def wait_for(what, is_there, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, child in started:
            if child.poll() is not None:
                raise SystemExit(f"{name} ended with {child.returncode}; see {path('log', name)}")
        try:
            if is_there():
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.25)
    raise SystemExit(f"{what} is not there after {seconds} s; see {path('log')}")


def answers(url):
    return lambda: ask("GET", url)[0] in (200, 300, 401)


def start_postgres():
    tools = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    data = path("postgres", "data")
    os.makedirs(path("postgres"))
    # It refuses to run as root.
    owner = {}
    if os.getuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(path("postgres"), user.pw_uid, user.pw_gid)
        owner = {"user": "postgres", "group": user.pw_gid, "extra_groups": []}
    run("initdb", [f"{tools}/initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
                   "--no-sync"], cwd=path("postgres"), **owner)
    start("postgres", [f"{tools}/postgres", "-D", data, "-p", str(POSTGRES), "-c", "listen_addresses=127.0.0.1",
                       "-c", f"unix_socket_directories={path('postgres')}", "-c", "fsync=off"],
          cwd=path("postgres"), **owner)

    def make(name):
        return [f"{tools}/createdb", "-h", "127.0.0.1", "-p", str(POSTGRES), "-U", "postgres", name]

    wait_for("PostgreSQL", lambda: socket.create_connection(("127.0.0.1", POSTGRES), 1).close() is None)
    for _ in range(40):
        if subprocess.run(make("keystone"), capture_output=True, check=False).returncode == 0:
            break
        time.sleep(0.25)
    run("createdb", make("gnocchi"))


def uwsgi(port, *application):
    return ["/usr/bin/uwsgi_python3", "--http-socket", f"127.0.0.1:{port}", *application, "--master", "--processes", "1",
            "--threads", "4", "--enable-threads", "--die-on-term", "--lazy-apps", "--buffer-size", "65535", "--add-header",
            "Connection: close"]


def start_keystone():
    config = write("keystone/keystone.conf", f"""
[DEFAULT]
log_dir = {path('log')}
[database]
connection = postgresql+psycopg2://postgres@127.0.0.1:{POSTGRES}/keystone
[token]
provider = fernet
[fernet_tokens]
key_repository = {path('keystone', 'tokens')}
[credential]
key_repository = {path('keystone', 'credentials')}
""")
    me = pwd.getpwuid(os.getuid()).pw_name
    manage = ["/usr/bin/keystone-manage", "--config-file", config]
    run("keystone-manage", [*manage, "db_sync"])
    for keys in ("fernet_setup", "credential_setup"):
        run("keystone-manage", [*manage, keys, "--keystone-user", me, "--keystone-group", me])
    run("keystone-manage", [*manage, "bootstrap", "--bootstrap-password", SERVICE_PASSWORD, "--bootstrap-region-id",
                            "Harbor", "--bootstrap-public-url", IDENTITY, "--bootstrap-internal-url", IDENTITY])
    settings = dict(os.environ, OS_KEYSTONE_CONFIG_DIR=path("keystone"), OS_KEYSTONE_CONFIG_FILES="keystone.conf")
    start("keystone", uwsgi(KEYSTONE, "--wsgi-file", "/usr/bin/keystone-wsgi-public"), env=settings)
    wait_for("Keystone", answers(IDENTITY))


def token_filter(user):
    return f"""
auth_type = password
auth_url = {IDENTITY}
www_authenticate_uri = {IDENTITY}
username = {user}
password = {SERVICE_PASSWORD}
project_name = service
user_domain_name = Default
project_domain_name = Default
service_token_roles_required = true
"""


def start_gnocchi():
    os.makedirs(path("gnocchi", "measures"))
    paste = path("gnocchi", "paste.ini")
    config = write("gnocchi/gnocchi.conf", f"""
[DEFAULT]
coordination_url = file://{path('gnocchi')}
log_dir = {path('log')}
[api]
auth_mode = keystone
paste_config = {paste}
[indexer]
url = postgresql://postgres@127.0.0.1:{POSTGRES}/gnocchi
[storage]
driver = file
file_basepath = {path('gnocchi', 'measures')}
[metricd]
workers = 1
metric_processing_delay = 1
[keystone_authtoken]{token_filter('gnocchi')}""")
    # The package's own file would have the filter read the configuration of the system.
    write("gnocchi/paste.ini", f"""
[composite:gnocchi+keystone]
use = egg:Paste#urlmap
/ = root
/v1 = v1
[pipeline:v1]
pipeline = token api
[app:root]
paste.app_factory = gnocchi.rest.app:app_factory
root = gnocchi.rest.api.VersionsController
[app:api]
paste.app_factory = gnocchi.rest.app:app_factory
root = gnocchi.rest.api.V1Controller
[filter:token]
use = egg:keystonemiddleware#auth_token
oslo_config_project = gnocchi
oslo_config_file = {config}
""")
    run("gnocchi-upgrade", ["/usr/bin/gnocchi-upgrade", "--config-file", config])
    start("gnocchi", uwsgi(GNOCCHI, "--wsgi", "gnocchi.rest.wsgi", "--pyargv", f"--config-file {config}"), cwd="/")
    start("metricd", ["/usr/bin/gnocchi-metricd", "--config-file", config])
    wait_for("Gnocchi", answers(METRIC + "/"))


def start_swift():
    # Its salt is read from there and from nowhere else.
    if not os.path.exists("/etc/swift/swift.conf"):
        os.makedirs("/etc/swift", exist_ok=True)
        with open("/etc/swift/swift.conf", "w", encoding="utf-8") as file:
            file.write("[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n"
                       "[storage-policy:0]\nname = Policy-0\ndefault = yes\n")
    os.makedirs(path("swift", "drives", "one"))
    me = pwd.getpwuid(os.getuid()).pw_name
    for kind, port in (("account", ACCOUNTS), ("container", CONTAINERS), ("object", OBJECTS)):
        updater = "[container-updater]\ninterval = 2\naccount_suppression_time = 2\n" if kind == "container" else ""
        write(f"swift/{kind}-server.conf", f"""
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 1
user = {me}
swift_dir = {path('swift')}
devices = {path('swift', 'drives')}
mount_check = false
fallocate_reserve = 0
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
{updater}""")
        ring = path("swift", f"{kind}.builder")
        for command in (["create", "4", "1", "0"],
                        ["add", "--region", "1", "--zone", "1", "--ip", "127.0.0.1", "--port", str(port), "--device", "one",
                         "--weight", "1"],
                        ["rebalance"]):
            run("rings", ["/usr/bin/swift-ring-builder", ring, *command])
        start(kind, [f"/usr/bin/swift-{kind}-server", path("swift", f"{kind}-server.conf")])
    start("updater", ["/usr/bin/swift-container-updater", path("swift", "container-server.conf")])
    proxy = write("swift/proxy-server.conf", f"""
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {SWIFT}
workers = 1
user = {me}
swift_dir = {path('swift')}
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck token keystone account-quotas proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:account-quotas]
use = egg:swift#account_quotas
[filter:token]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
delay_auth_decision = true{token_filter('swift')}
[filter:keystone]
use = egg:swift#keystoneauth
operator_roles = admin, member
reseller_admin_role = ResellerAdmin
""")
    start("proxy", ["/usr/bin/swift-proxy-server", proxy])
    wait_for("Swift", answers(STORE + "/healthcheck"))


def log_in(body):
    told, _ = must("POST", IDENTITY + "/auth/tokens", {"auth": body})
    return {"X-Auth-Token": told["X-Subject-Token"], "Accept": "application/json"}


def with_password(name, password, project):
    user = {"name": name, "domain": {"id": "default"}, "password": password}
    return log_in({"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"project": project}})


class Keystone:
    """What the operator of the cloud does at its beginning."""

    def __init__(self):
        self.admin = with_password("admin", SERVICE_PASSWORD, {"name": "admin", "domain": {"id": "default"}})

    def make(self, things, thing, **fields):
        return must("POST", f"{IDENTITY}/{things}", {thing: fields}, self.admin)[1][thing]["id"]

    def find(self, things, name):
        return must("GET", f"{IDENTITY}/{things}?name={name}", None, self.admin)[1][things][0]["id"]

    def role(self, name):
        known = must("GET", f"{IDENTITY}/roles?name={name}", None, self.admin)[1]["roles"]
        return known[0]["id"] if known else self.make("roles", "role", name=name)

    def grant(self, project, user, *roles):
        for role in roles:
            must("PUT", f"{IDENTITY}/projects/{project}/users/{user}/roles/{self.role(role)}", None, self.admin, b"")

    def user(self, name, password):
        return self.make("users", "user", name=name, domain_id="default", password=password)

    def service(self, kind, url):
        service = self.make("services", "service", type=kind, name=kind)
        self.make("endpoints", "endpoint", service_id=service, interface="public", region_id="Harbor", url=url)


def settle_people():
    """Services, the meter's login, and customers in two domains, one of them below another."""
    keystone = Keystone()
    service = keystone.make("projects", "project", name="service", domain_id="default")
    for name in ("gnocchi", "swift"):
        keystone.grant(service, keystone.user(name, SERVICE_PASSWORD), "admin", "service")
    keystone.service("metric", METRIC)
    keystone.service("object-store", STORE + "/v1/AUTH_%(project_id)s")
    admin = keystone.find("projects", "admin")
    meter = keystone.user("meter", METER_PASSWORD)
    keystone.grant(admin, meter, "admin", "ResellerAdmin")
    other = keystone.make("domains", "domain", name="Northpier")
    projects = {
        "harbor-1": keystone.make("projects", "project", name="harbor-1", domain_id="default", tags=["plan:gold"]),
        "quay-2": keystone.make("projects", "project", name="quay-2", domain_id="default"),
        "pier-3": keystone.make("projects", "project", name="pier-3", domain_id=other),
        "idle-4": keystone.make("projects", "project", name="idle-4", domain_id="default", enabled=False),
    }
    projects["quay-2-shop"] = keystone.make(
        "projects", "project", name="quay-2-shop", domain_id="default", parent_id=projects["quay-2"])
    customer = keystone.user("customer", CUSTOMER_PASSWORD)
    for project in projects.values():
        keystone.grant(project, customer, "member")
    scoped = with_password("meter", METER_PASSWORD, {"id": admin})
    made = must("POST", f"{IDENTITY}/users/{meter}/application_credentials",
                {"application_credential": {"name": "meter"}}, scoped)[1]["application_credential"]
    return projects, made


# Windows of five minutes, and how many of them have measures.
WINDOW, WINDOWS = 300, 60


def samples(step, first=0, restart=None, gap=(), early=None):
    """What a compute agent sends of one counter: its instant in seconds after the beginning, and its value."""
    told, value = [], 7_000
    for window in range(first, WINDOWS):
        value += step
        if window == restart:
            value = step // 3
        if window not in gap:
            told.append((WINDOW * window + (-15 if window == early else 25), value))
    return told


def moved(told):
    """What passed between the first and the last sample: growth, and the whole of a count that began anew."""
    pairs = zip(told, told[1:])
    return sum(after if after < before else after - before for (_, before), (_, after) in pairs)


CARDS = [
    ("harbor-1", 1, "tap1", dict(step=4_100_003, restart=31)),
    ("harbor-1", 1, "tap2", dict(step=50_021, gap=range(12, 20))),
    ("quay-2", 2, "tap3", dict(step=9_000_007)),
    ("quay-2", 2, "tap4", dict(step=13_000, first=40)),
    ("quay-2-shop", 3, "tap5", dict(step=77_777, restart=20, gap=(21, 22))),
    # Two samples in one window, none in the next.
    ("pier-3", 4, "tap6", dict(step=1_002, early=17)),
]
VOLUMES = [("quay-2", 30), ("quay-2", 12), ("pier-3", 7)]
STORED = {"harbor-1": (300_000, 45_679), "pier-3": (1_000_001,)}


def feed(projects, credential):
    """Measures as Ceilometer writes them, objects as customers do; tells what a client has to find."""
    admin = log_in({"identity": {"methods": ["application_credential"], "application_credential": {
        "id": credential["id"], "secret": credential["secret"]}}})
    gnocchi = METRIC + "/v1"
    text = {"type": "string", "min_length": 0, "max_length": 255, "required": True}
    for kind, fields in (("instance_network_interface", {"name": text, "instance_id": {"type": "uuid", "required": True}}),
                         ("volume", {"display_name": text})):
        must("POST", f"{gnocchi}/resource_type", {"name": kind, "attributes": fields}, admin)
    archive = [{"granularity": "5 minutes", "timespan": "30 days"}]
    for name, methods in (("ceilometer-low", ["mean"]), ("ceilometer-low-rate", ["mean", "rate:mean"])):
        must("POST", f"{gnocchi}/archive_policy",
             {"name": name, "back_window": 0, "aggregation_methods": methods, "definition": archive}, admin)
    begin = int(time.time()) // 3_600 * 3_600 - (WINDOWS * WINDOW) - 1_200
    begin = begin // WINDOW * WINDOW

    def instant(seconds):
        return datetime.datetime.fromtimestamp(begin + seconds, datetime.timezone.utc).isoformat()

    found = {name: {"id": id, "traffic_in": 0, "traffic_out": 0, "objects": sum(STORED.get(name, ())), "volumes_gib": 0}
             for name, id in projects.items()}
    body = {}
    for project, machine, tap, how in CARDS:
        instance = f"{machine:08d}-0000-4000-8000-000000000000"
        card = f"instance-{machine:08x}-{instance}-{tap}"
        must("POST", f"{gnocchi}/resource/instance_network_interface",
             {"id": card, "project_id": projects[project], "name": tap, "instance_id": instance}, admin)
        for metric, meter, share in (("network.outgoing.bytes", "traffic_out", 1), ("network.incoming.bytes", "traffic_in", 3)):
            told = samples(**{**how, "step": how["step"] // share})
            found[project][meter] += moved(told)
            body.setdefault(card, {})[metric] = {
                "archive_policy_name": "ceilometer-low-rate", "unit": "B",
                "measures": [{"timestamp": instant(at), "value": value} for at, value in told]}
    for number, (project, gib) in enumerate(VOLUMES, 1):
        volume = f"{number:08d}-0000-4000-9000-000000000000"
        must("POST", f"{gnocchi}/resource/volume",
             {"id": volume, "project_id": projects[project], "display_name": f"disk{number}"}, admin)
        found[project]["volumes_gib"] += gib
        body[volume] = {"volume.size": {
            "archive_policy_name": "ceilometer-low", "unit": "GiB",
            "measures": [{"timestamp": instant(WINDOW * window), "value": gib} for window in range(WINDOWS)]}}
    must("POST", f"{gnocchi}/batch/resources/metrics/measures?create_metrics=true", body, admin)
    for project, sizes in STORED.items():
        customer = with_password("customer", CUSTOMER_PASSWORD, {"id": projects[project]})
        account = f"{STORE}/v1/AUTH_{projects[project]}"
        must("PUT", f"{account}/files", None, customer, b"")
        for number, size in enumerate(sizes):
            must("PUT", f"{account}/files/{number}", None, customer, b"x" * size)

    def is_through():
        backlog = ask("GET", f"{gnocchi}/status?details=false", None, admin)[2]["storage"]["summary"]["measures"]
        used = {project: ask("HEAD", f"{STORE}/v1/AUTH_{projects[project]}", None, admin)[1]["X-Account-Bytes-Used"]
                for project in STORED}
        return backlog == 0 and all(used[project] == str(sum(sizes)) for project, sizes in STORED.items())

    wait_for("the sum of what was written", is_through)
    return {"url": IDENTITY, "application_credential_id": credential["id"],
            "application_credential_secret": credential["secret"], "username": "meter", "password": METER_PASSWORD,
            "project": "admin", "region": "Harbor", "from": begin - WINDOW, "until": begin + WINDOW * WINDOWS,
            "projects": found}


def main():
    os.makedirs(path("log"))
    # PostgreSQL runs as another user below it.
    os.chmod(FOLDER, 0o755)
    for step in (start_postgres, start_keystone):
        step()
    note("Keystone runs")
    projects, credential = settle_people()
    start_gnocchi()
    start_swift()
    note("Gnocchi and Swift run")
    print(json.dumps(feed(projects, credential)), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    # A version manager's Python has none of these packages.
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # Its own and nobody else's: it is removed in the end.
    os.mkdir(FOLDER)
    try:
        main()
    finally:
        stop()
        if "WHMETER_KEEP_CLOUD" not in os.environ:
            shutil.rmtree(FOLDER, ignore_errors=True)
