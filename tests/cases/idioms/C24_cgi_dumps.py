#!/usr/bin/env python3
import cgi, sys

print("Content-Type: text/html\n")
cgi.print_directory()
cgi.print_arguments()
cgi.print_environ_usage()
cgi.print_form(cgi.FieldStorage())
try:
    1 / 0
except ZeroDivisionError:
    cgi.print_exception()
print(cgi.maxlen)
