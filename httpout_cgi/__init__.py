"""httpout-cgi: the server that replaces cgi-bin."""

__version__ = "0.1.0"

# What responses (Server) and scripts (SERVER_SOFTWARE) are told.
SOFTWARE = f"httpout-cgi/{__version__}"
