"""Write the catalog that msgfmt would make of a German app.po."""

import os
import struct

_MESSAGES = {
    "": "Language: de\nContent-Type: text/plain; charset=utf-8\nPlural-Forms: nplurals=2; plural=n != 1;\n",
    "Hello": "Gr\u00fc\u00df Gott",
    "%d page\0%d pages": "%d Seite\0%d Seiten",
}


def write(path="G02_locale/de/LC_MESSAGES/app.mo"):
    ids = sorted(_MESSAGES)
    pairs = [[text.encode() for text in ids], [_MESSAGES[text].encode() for text in ids]]
    offset = 28 + 16 * len(ids)
    tables, data = b"", b""
    for texts in pairs:
        for text in texts:
            tables += struct.pack("<II", len(text), offset + len(data))
            data += text + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(ids), 28, 28 + 8 * len(ids), 0, 0)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "wb") as f:
        f.write(head + tables + data)
    os.replace(path + ".new", path)


if not os.path.exists("G02_locale"):
    write()
