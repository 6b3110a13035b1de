"""Chapter E of the catalogue: what a module is, and how scripts import."""

from tests.idioms import Row

# Those that say "thread".
ENTRIES = (
    "E01 E02 E03 E04 E05 E06 E07 E08 E09 E10 E11 E12 E13 E14 E15 E16 E17 E18 E19 E20"
    " E21 E22 E24 E25"
)

_SHADOWED = (
    "a library that imports what the script's folder shadows fails in a process of its"
    " own; here the shadow is for the script alone"
)

ROWS = (
    Row("E01_main.py", expect=b"name __main__"),
    Row("E02_where.py", expect=b"E02_where.py True\nTrue\nTrue\nTrue"),
    Row("E03_relative_file.py", "?1", expect=b"[(42,)]\n{'k': ['v']}"),
    Row("E04_sibling.py", expect=b"hello a at /cgi-bin/E04_sibling.py hello b"),
    Row("E04_packages.py", expect=b"('1.0', 'first', 1)"),
    Row("E04_resources.py", expect=b"b'data of a package\\n'"),
    Row(
        "E04_errors.py",
        expect=b"'E04_pkg.missing'",
    ),
    Row("E04_late_import.py", "?1", expect=b"late\n"),
    Row("E04_module_getattr.py", expect=b"made something an object"),
    Row("E05_a/app.py", expect=b"application a"),
    Row("E05_b/app.py", "?1", expect=b"application b 1"),
    Row("E05_a/app.py", "?again", expect=b"application a"),
    Row("E06_shadow/script.py", expect=b"our email our string our calendar"),
    Row("E06_probe.py", expect=b"0123456789 True True\nb\n[False, False, False]"),
    Row("E06_shadow/library.py", expect=b"our email\nMessage", better=_SHADOWED),
    Row("E06_data_folder/script.py", expect=b"&lt; [1]"),
    Row("E07_app/relative.py", expect=b"tool /"),
    Row("E07_app/absolute.py", expect=b"deep in lib"),
    Row("E07_app/append.py", expect=b"sibling tool False"),
    Row("E07_app/front.py", expect=b"sibling of lib wave of lib"),
    Row("E07_app/assign.py", expect=b"No module named 'E07_only_sibling'"),
    Row("E07_app/chdir.py", expect=b"tool\nhere"),
    Row("E07_app/zipped.py", "?1", expect=b"from a zip file from its package"),
    Row("E07_app/helper.py", expect=b"tool True"),
    Row("E07_app/probe.py", expect=b"[] True"),
    Row("E08_activate.py", expect=b"True\nTrue\nTrue"),
    Row(
        "E08_probe.py",
        expect=b"[] False\nFalse False",
    ),
    Row("E08_addsitedir.py", expect=b"['site-packages', 'more']"),
    Row(
        "E08_probe.py",
        "?again",
        expect=b"[] False\nFalse False",
    ),
    Row("E09_import_main.py", expect=b"of the script True True"),
    Row(
        "E10_write.py",
        "?1",
        expect=b"True __main__ __main__ __main__\nwritten",
    ),
    Row(
        "E10_read.py",
        "?1",
        expect=b"2 True True True",
    ),
    Row(
        "E10_missing.py",
        expect=b"Can't get attribute 'Cart' on <module '__main__'",
    ),
    Row("E10_copy.py", "?1", expect=b"5 6\n7 True"),
    Row("E11_dataclass.py", expect=b"Item(name='a', price=3.0, tags=[], parent=None)"),
    Row("E12_names.py", expect=b"True __main__\nTrue __main__\nTrue __main__"),
    Row("E12_source_after_edit.py", "?one&a", expect=b"# one\n"),
    Row("E12_source_after_edit.py", "?two&a", expect=b"# two\n"),
    Row("E13_unittest.py", expect=b"set up\n2 True ['__main__.TestThings"),
    Row("E13_doctest.py", expect=b"Got:\n    3\n"),
    Row("E14_import_module.py", "?one,two,three", expect=b"one and two True"),
    Row("E14_exec.py", expect=b"included one <run_path>"),
    Row("E14_spec.py", expect=b"from a file E14_loaded\nTrue one"),
    Row("E14_probe.py", expect=b"[]\nNo module named 'E14_loaded'"),
    Row(
        "E15_reload.py",
        expect=b"1\nTrue 2 kept\noriginal original",
    ),
    Row("E16_relative.py", expect=b"no known parent package"),
    Row("E17_cache.py", expect=b"[1] 1 {'k': 0} 6"),
    Row("E17_cache.py", "?again", expect=b"[1] 1 {'k': 0} 6"),
    Row("E18_connection.py", expect=b"closed the module's"),
    Row("E19_sqlite_thread.py", expect=b"ProgrammingError\n(0,)"),
    Row(
        "E20_globals.py",
        expect=b"Ann is 7\nAnn is 7\n[",
    ),
    Row("E21_patch.py", expect=b"FROM A HELPER THAT CAME LATER"),
    Row("E21_probe.py", expect=b"[]\n"),
    Row("E21_by_helper.py", expect=b"translated word\nlater"),
    Row("E21_probe.py", "?again", expect=b"[]\n"),
    Row("E21_dunder.py", expect=b"1\n2\n3 True False"),
    Row("E21_probe.py", "?third", expect=b"[]\n"),
    Row("E25_identity.py", expect=b"sys True module\nos True module"),
    Row("E22_counter.cgi", mount="/any/", expect=b"hello cgi at /any/E22_counter"),
    Row("E22_without_suffix", mount="/any/", expect=b"E22_without_suffix True"),
    Row("E22_crlf.cgi", "?a+b", mount="/any/", expect=b"with CR LF ['a', 'b']"),
    Row(
        "E24_euc_jp.py",
        expect="日本語 '\\u65e5\\u672c\\u8a9e' 3\n".encode(),
    ),
    Row("E24_latin1.py", expect="café b'bytes' '\\xff'".encode()),
    Row("E24_cp1252.py", expect="€ “quoted”".encode()),
    Row("E24_bom.py", expect="hé behind a BOM None".encode()),
    Row("E24_bom_cookie.py", expect="hé".encode()),
    Row("E24_bom_wrong.py", status=500, log="SyntaxError"),
    Row("E24_crlf.py", expect=b"'one\\ntwo' 7\ntab continued"),
    Row("E24_cr.py", expect=b"'one\\ntwo'"),
    Row("E24_form_feed.py", expect=b"1 True"),
    Row("E24_no_line_end.py", expect=b"the last line has no end"),
    Row("E24_end_of_comment.py", expect=b"then a comment"),
    Row("E24_not_utf8.py", status=500, log="Non-UTF-8 code starting with"),
    Row("E24_unknown.py", status=500, log="no-such-encoding"),
    # The log: before Python 3.11.4, CPython reads no further than the NUL.
    Row("E24_nul.py", status=500, any_log="the flaw that CPython sees first"),
    Row(
        "E24_mixed_tabs.py",
        status=500,
        log="TabError",
        better="the log points at the tab",
    ),
    Row("E24_names.py", expect="1 2 True\nStraße größe=1".encode()),
    Row("E25_annotations.py", expect=b"{}\n{'number': <class 'int'>}"),
    Row(
        "E25_dunders.py",
        expect=b"The docstring. __main__ None None None\nmodule\nSource",
    ),
    Row("E25_no_doc.py", expect=b"None None None None"),
)
