"""Scrapes a cluster with PyPI's prometheus-pve-exporter and prints what it would show Prometheus."""
import sys
from pve_exporter.collector import CollectorsOptions, collect_pve

host, user, token, secret, authority = sys.argv[1:6]
config = {"user": user, "token_name": token, "token_value": secret, "verify_ssl": authority, "timeout": 60}
everything = CollectorsOptions(*[True] * len(CollectorsOptions._fields))
sys.stdout.write(collect_pve(config, host, True, True, everything).decode())
