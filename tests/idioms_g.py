"""Chapter G of the catalogue: libraries with state of the whole process."""

from tests.idioms import Row

# Those that say "thread", and those of the others that work in one nevertheless.
ENTRIES = "G01 G02 G04 G05 G08 G09 G10 G12 G13 G17"

ROWS = (
    Row(
        "G01_harmless.py",
        expect=b"1234.5 . 1.5\nNone None\n131072 131072\nTrue True\nNone",
    ),
    Row("G02_install.py", expect="Grüß Gott unknown Grüß Gott\n['1 Seite'".encode()),
    Row("G02_probe.py", expect=b"False False\nname '_' is not defined\nmessages True"),
    Row("G02_translation.py", expect="Grüß Gott de\nGrüß Gott".encode()),
    Row("G02_probe.py", "?again", expect=b"False False\nname '_' is not defined\nmes"),
    Row("G04_basic_config.py", "?one", expect=b"DEBUG root root of one\nINFO app.p"),
    Row("G04_basic_config.py", "?two", expect=b"DEBUG root root of two\nINFO app.p"),
    Row("G04_probe.py", expect=b"[] 30 [] False True\n[] 0 True [] False\n['app']"),
    Row("G04_to_stdout.py", expect=b"when|in the page\nwhen|text and 5\n"),
    Row("G04_to_stderr.py", expect=b"1 [<StreamHandler", log="WARNING:root:the def"),
    Row("G04_last_resort.py", expect=b"[] <_Stderr", log="nobody has configured"),
    Row("G04_config.py", expect=b"40 end of the script\nflushed when the process"),
    Row("G04_probe.py", "?again", expect=b"[] 30 [] False True\n[] 0 True [] Fal"),
    Row("G04_gmt.py", expect=b"True\n01h00 and 005\n01h00 and 005 told\n"),
    Row("G04_gmt.py", "?again", expect=b"True\n01h00 and 005\n01h00 and 005 told\n"),
    Row("G04_server.py", expect=b"['own'] []", log="to the error log"),
    Row("G05_add_handler.py", expect=b"DEBUG once by each handler\nDEBUG once by e"),
    Row("G05_classes.py", expect=b"notice: of our class!\nmarked!\n"),
    Row("G04_probe.py", "?third", expect=b"[] 30 [] False True\n[] 0 True [] Fals"),
    Row("G05_library.py", expect=b"G05_module working\nTrue True\nTrue"),
    Row("G05_add_handler.py", "?again", expect=b"DEBUG once by each handler\nDEB"),
    Row("G08_seed.py", expect=b"0.6394267984578837"),
    Row("G08_probe.py", expect=b"False"),
    Row("G09_decimal.py", expect=b"0.66666666666666666666666666666666666666666666"[:9]),
    Row("G09_probe.py", expect=b"28 ROUND_HALF_EVEN 0.1428571428571428571428571429"),
    Row("G09_default.py", expect=b"0.333333333333\n0.333333333333\n"),
    Row("G09_probe.py", "?again", expect=b"28 ROUND_HALF_EVEN 0.142857142857142857"),
    Row("G10_warnings.py", expect=b"caught raised\n2 recorded\nshown by our"),
    Row("G10_once.py", expect=b"", log="UserWarning: once for all"),
    Row("G10_probe.py", expect=b"warnings\n", log="UserWarning: quiet please"),
    Row("G10_once.py", "?again", expect=b"", log="UserWarning: in a loop"),
    Row("G10_filters.py", expect=b"default None <class"),
    Row("G12_own_folder.py", "?assigned", expect=b"E08_venv\nE08_venv E08_venv\n"),
    Row("G12_probe.py", expect=b"None False\n"),
    Row("G12_own_folder.py", "?variable", expect=b"E08_venv\nE08_venv E08_venv\n"),
    Row("G12_probe.py", "?again", expect=b"None False\n"),
    Row("G13_settings.py", expect=b"0\n10485760"),
    Row("G13_probe.py", expect=b"0\n"),
    Row(
        "G17_no_terminal.py",
        expect=b"setupterm: could not find terminal",
    ),
)
