#!/usr/bin/env python3
# The standard library binds to os.environ as well: as default arguments, and at import.
import cgi, contextlib, io, os
from wsgiref.handlers import CGIHandler, read_environ

print("Content-Type: text/plain\n")
page = io.StringIO()
with contextlib.redirect_stdout(page):
    cgi.print_environ()
print("<DT> QUERY_STRING <DD> a=1" in page.getvalue(), page.getvalue().count("<DT>") == len(os.environ))
print(cgi.FieldStorage().getvalue("a"), read_environ()["QUERY_STRING"])
print(CGIHandler().base_env["QUERY_STRING"], cgi.parse())
