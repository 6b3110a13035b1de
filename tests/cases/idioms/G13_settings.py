"""A setting that a library keeps in its module."""

import warnings

warnings.simplefilter("ignore")
import cgi

print("Content-Type: text/plain\n")
print(cgi.maxlen)
cgi.maxlen = 10 * 2**20
print(cgi.maxlen)
