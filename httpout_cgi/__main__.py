"""Run the command line as ``python -m httpout_cgi``."""

from httpout_cgi.cli import main

main()
