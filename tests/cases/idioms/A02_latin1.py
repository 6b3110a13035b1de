#!/usr/bin/env python3
import cgi, sys

form = cgi.FieldStorage(encoding="latin-1")
sys.stdout.write("Content-Type: text/html; charset=iso-8859-1\r\n\r\n")
sys.stdout.flush()
sys.stdout.buffer.write(form["city"].value.encode("latin-1"))
