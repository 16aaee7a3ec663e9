"""Bytes of a saved file to text with `\\n` between its lines: gzip, byte order marks, UTF-16, CRLF."""

from __future__ import annotations

import codecs
import html
import re
import zlib

_GZIP = b"\x1f\x8b"
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"(\xb5/\xfd": "compressed with zstd",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
}
_TAR, _TAR_AT = b"ustar", 257
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT = 400  # bytes that tell how a text is encoded
_LINE_END = re.compile(r"\r+\n|\r(?!\n)")
_CURLED_QUOTE = re.compile("[\u201c\u201d\u201e\u201f\u2033]")
_NO_BREAK_SPACE, _BYTE_ORDER_MARK = "\xa0", "\ufeff"


class UnreadableError(ValueError):
    """The bytes are no text. The message ends a sentence that begins with the file's name.

    `too_large` is true for what takes more than it may when it is decompressed.
    """

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large


def decoded(data: bytes, most: int, *, strict: bool = False) -> str:
    """The text of a file, which may be compressed to hold at most so many bytes. Raises UnreadableError.

    Bytes that are no text are replaced, or with `strict` refused.
    """
    if data.startswith(_GZIP):
        data = _gunzipped(data, most)
    kind = next((kind for magic, kind in _ARCHIVES.items() if data.startswith(magic)), None)
    if kind or data.startswith(_TAR, _TAR_AT):
        raise UnreadableError(f"is {kind or 'a tar archive'}: unpack it, and give the file that it holds")
    try:
        return _plain(data.decode(_encoding(data), "strict" if strict else "replace"))
    except UnicodeDecodeError:
        raise UnreadableError("is not text") from None


def _gunzipped(data: bytes, most: int) -> bytes:
    """What one or several gzip files in a row hold."""
    parts, size = [], 0
    while data.startswith(_GZIP):
        decompressor = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            parts.append(decompressor.decompress(data, most - size + 1))
        except zlib.error as error:
            raise UnreadableError(f"is no whole gzip file: {error}") from None
        size += len(parts[-1])
        if size > most:
            raise UnreadableError(f"holds more than {most >> 20} MiB when it is decompressed", too_large=True)
        if not decompressor.eof:
            raise UnreadableError("is no whole gzip file: it breaks off")
        data = decompressor.unused_data
    return b"".join(parts)


def _encoding(data: bytes) -> str:
    """UTF-16 is told by its zero bytes: a mark alone may be any two bytes."""
    start = data[:_LOOKED_AT]
    if 0 not in start:
        return "utf-8-sig"
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    zeros_first, zeros_last = start[::2].count(0), start[1::2].count(0)
    if max(zeros_first, zeros_last) < len(start) // 4:
        return "utf-8-sig"
    return "utf-16-be" if zeros_first > zeros_last else "utf-16-le"


def _plain(text: str) -> str:
    """The text with the line ends, spaces and quotes of a terminal: editors, mail programs and web pages put others."""
    if "\r" in text:
        text = _LINE_END.sub("\n", text)
    if '"' not in text:
        text = html.unescape(text) if "&quot;" in text else _CURLED_QUOTE.sub('"', text)
    return text.replace(_NO_BREAK_SPACE, " ").replace(_BYTE_ORDER_MARK, "")
