"""The other interface, which keeps its domain in the module."""

import gettext

import G02_catalog
import os

os.environ["LANGUAGE"] = "de"
print("Content-Type: text/plain\n")
print(gettext.textdomain(), gettext.bindtextdomain("app", "G02_locale"))
gettext.textdomain("app")
print(gettext.textdomain(), gettext.gettext("Hello"), gettext.dgettext("app", "Hello"))
