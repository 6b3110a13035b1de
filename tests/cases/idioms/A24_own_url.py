#!/usr/bin/env python3
import os
from wsgiref.util import application_uri, request_uri

print("Content-Type: text/plain\n")
print("http://%s%s" % (os.environ["HTTP_HOST"], os.environ["SCRIPT_NAME"]))
environ = dict(os.environ)
environ["wsgi.url_scheme"] = "http"
print(request_uri(environ), application_uri(environ), os.environ["REQUEST_URI"])
print('<form action="%(SCRIPT_NAME)s">' % os.environ)
