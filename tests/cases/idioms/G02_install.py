import gettext

import G02_catalog
import os

import G02_helper

os.environ["LANGUAGE"] = "de"
gettext.install("app", "G02_locale")
print("Content-Type: text/plain\n")
print(_("Hello"), _("unknown"), G02_helper.hello())
gettext.install("app", "G02_locale", names=["ngettext"])
print([ngettext("%d page", "%d pages", n) % n for n in (1, 2)], G02_helper.pages(3))
