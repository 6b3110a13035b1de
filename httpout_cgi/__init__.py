"""httpout-cgi: the server that replaces cgi-bin."""

__version__ = "0.1.0"
