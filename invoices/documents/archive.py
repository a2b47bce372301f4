"""Reading of a ZIP file with documents. The parsing process imports this module, so it must not import Django.

Names in the archive are never used as paths.
"""

import base64
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from invoices.documents.bounds import MAX_BYTES, MAX_FILES, MAX_RATIO, MAX_UNPACKED, RATIO_FROM
from invoices.imports.errors import FileRefused

_ARCHIVES = (".zip", ".rar", ".7z", ".gz", ".tar", ".tgz", ".bz2", ".xz")
_ENCRYPTED = 0x1

Entry = tuple[str, str, str]  # name, problem, content in base64


def entries(file: IO[bytes]) -> Iterator[Entry]:
    """Yield the files of the archive. Raise `FileRefused` if it is invalid or exceeds a limit."""
    try:
        with zipfile.ZipFile(file) as archive:
            infos = [info for info in archive.infolist() if not _is_ignored(info)]
            _check(infos)
            left = MAX_UNPACKED
            for info in infos:
                problem, content = _read(archive, info)
                left -= len(content)
                if left < 0:
                    raise FileRefused("unpacked")
                yield info.filename, problem, base64.b64encode(content).decode()
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise FileRefused("no_archive") from error


def _is_ignored(info: zipfile.ZipInfo) -> bool:
    """Return True for folders, and for the files that macOS adds."""
    name = info.filename.rpartition("/")[2]
    return info.is_dir() or info.filename.startswith("__MACOSX/") or name in (".DS_Store", "Thumbs.db")


def _check(infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_FILES:
        raise FileRefused("many_files")
    if sum(info.file_size for info in infos) > MAX_UNPACKED:
        raise FileRefused("unpacked")
    if any(info.file_size > max(RATIO_FROM, MAX_RATIO * info.compress_size) for info in infos):
        raise FileRefused("unpacked")


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[str, bytes]:
    name = info.filename
    if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
        return "path", b""
    if name.lower().endswith(_ARCHIVES):
        return "nested", b""
    if info.flag_bits & _ENCRYPTED:
        return "encrypted", b""
    if info.file_size > MAX_BYTES:
        return "large", b""
    try:
        with archive.open(info) as part:
            content = part.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, RuntimeError):
        return "broken", b""
    return ("large", b"") if len(content) > MAX_BYTES else ("", content)
