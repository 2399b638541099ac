"""Drives a panel with PyPI's MinioAdmin and prints what it saw, one JSON object."""
import json
import ssl
import sys
import urllib3
from minio import MinioAdmin
from minio.credentials import StaticProvider

url, access_key, secret_key, authority = sys.argv[1:5]
pool = urllib3.PoolManager(cert_reqs=ssl.CERT_REQUIRED, ca_certs=authority)
admin = MinioAdmin(
    endpoint=url.split("//")[1],
    credentials=StaticProvider(access_key, secret_key),
    secure=True,
    http_client=pool,
)
saw = {}
saw["users"] = json.loads(admin.user_list())
admin.user_add("9-9", "secret-of-9-9")
admin.group_add("pythons", ["9-9"])
saw["group"] = json.loads(admin.group_info("pythons"))
saw["attached"] = json.loads(admin.attach_policy(["readonly"], user="9-9"))
try:
    admin.attach_policy(["readonly"], user="9-9")
    saw["again"] = "accepted"
except Exception as error:  # the client's own error type carries the server's code
    saw["again"] = str(error)
saw["entities"] = json.loads(admin.get_policy_entities(["9-9"], [], []))
saw["detached"] = json.loads(admin.detach_policy(["readonly"], user="9-9"))
admin.user_disable("9-9")
saw["user"] = json.loads(admin.user_info("9-9"))
admin.user_remove("9-9")
saw["policies"] = sorted(json.loads(admin.policy_list()))
admin.bucket_quota_set("7-41-data", 5000)
saw["quota"] = json.loads(admin.bucket_quota_get("7-41-data"))
saw["info"] = json.loads(admin.info())["mode"]
print(json.dumps(saw))
