"""The helper changes the builtins; nothing in this script says so."""

import E21_install

print("Content-Type: text/plain\n")
E21_install.install()
print(translate("word"))
E21_install.later()
print(translated)
