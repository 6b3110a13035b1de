import builtins
import gettext

print("Content-Type: text/plain\n")
print(hasattr(builtins, "_"), hasattr(builtins, "ngettext"))
try:
    _("Hello")
except NameError as exc:
    print(exc)
print(gettext.textdomain(), gettext.bindtextdomain("app") != "G02_locale")
print(gettext.gettext("Hello"))
