"""moto as S3, with IAM and STS, on a port of this machine: signatures, session tokens and policies are checked.

Arguments: the port, and a file to write the credentials into as JSON once all is ready.
"""

import io
import json
import os
import sys
import threading

os.environ.update(AWS_ACCESS_KEY_ID="root", AWS_SECRET_ACCESS_KEY="root", AWS_DEFAULT_REGION="us-east-1")

import boto3
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

port, ready = int(sys.argv[1]), sys.argv[2]
moto = DomainDispatcherApplication(create_backend_app)
one = threading.Lock()


def application(environ, start_response):
    """One request after the other: moto looks whether there is an object and stores it in two steps, S3 in one."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    with one:
        return list(moto(environ, start_response))


server = make_server("127.0.0.1", port, application, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()


def client(service):
    return boto3.client(service, endpoint_url=f"http://127.0.0.1:{port}")


policy = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)
iam, s3 = client("iam"), client("s3")
iam.create_user(UserName="backup")
iam.put_user_policy(UserName="backup", PolicyName="all", PolicyDocument=policy)
key = iam.create_access_key(UserName="backup")["AccessKey"]
role = iam.create_role(RoleName="backup", AssumeRolePolicyDocument=policy)["Role"]
iam.put_role_policy(RoleName="backup", PolicyName="all", PolicyDocument=policy)
session = client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="backup")["Credentials"]
s3.create_bucket(Bucket="plain")
s3.create_bucket(Bucket="parts")
s3.create_bucket(Bucket="second")
s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)

settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
ActionAuthenticatorMixin.request_count = 0
with open(ready + ".new", "w") as file:
    pair = ("AccessKeyId", "SecretAccessKey")
    json.dump({"user": [key[name] for name in pair], "session": [session[name] for name in (*pair, "SessionToken")]}, file)
os.rename(ready + ".new", ready)
threading.Event().wait()
