#!/usr/bin/env python3
import base64, os

auth = os.environ.get("HTTP_AUTHORIZATION")
if not auth:
    print("Status: 401 Unauthorized")
    print('WWW-Authenticate: Basic realm="legacy"')
print("Content-Type: text/plain\n")
print(auth and base64.b64decode(auth.split()[1]).decode())
print(os.environ.get("REMOTE_USER"), os.environ.get("AUTH_TYPE"))
