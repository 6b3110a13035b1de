#!/usr/bin/env python3
print("Status: 401 Authorization Required")
print('WWW-Authenticate: Basic realm="legacy"')
print('WWW-Authenticate: Digest realm="x"')
print("Content-Type: text/plain\n")
print("please")
