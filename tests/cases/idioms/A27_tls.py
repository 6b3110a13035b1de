#!/usr/bin/env python3
import os

dn = os.environ.get("SSL_CLIENT_S_DN")
https = os.environ.get("HTTPS") == "on"
print("Content-Type: text/plain\n")
print(dn, https, os.environ["REQUEST_SCHEME"], os.environ["SERVER_PORT"])
