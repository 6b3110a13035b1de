import gettext

import G02_catalog

print("Content-Type: text/plain\n")
german = gettext.translation("app", "G02_locale", languages=["de"])
print(german.gettext("Hello"), german.info()["language"])
german.install()
print(_("Hello"))
_ = german.gettext
print(_("Hello"))
try:
    gettext.translation("app", "G02_locale", languages=["fr"])
except FileNotFoundError as exc:
    print(exc)
fallback = gettext.translation("app", "G02_locale", languages=["fr"], fallback=True)
print(type(fallback).__name__, fallback.gettext("Hello"))
