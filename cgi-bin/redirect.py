#!/usr/bin/env python3
# A local redirect (RFC 3875 section 6.2.2): the server answers with what is there.
print("Location: /cgi-bin/environment.py?from=redirect")
print()
