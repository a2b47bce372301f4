"""Size limit of uploaded files: nothing beyond it is stored, in memory or on disk."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload

from inflow.uploads import MARK, is_too_large

__all__ = ["BoundedUploads", "is_too_large"]

# An upload up to this many times the limit is read to its end, so that the browser shows our page instead of a lost
# connection.
_READ_TO_ITS_END = 4


class BoundedUploads(FileUploadHandler):
    """The first of FILE_UPLOAD_HANDLERS: limits all files of a request together to `UPLOAD_MAX_BYTES`."""

    _left = settings.UPLOAD_MAX_BYTES
    _length = 0

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        self._length = content_length

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._left -= len(raw_data)
        if self._left >= 0:
            return raw_data
        if self.request is not None:
            self.request.META[MARK] = True
        if self._length > _READ_TO_ITS_END * settings.UPLOAD_MAX_BYTES:
            raise StopUpload(connection_reset=True)
        raise SkipFile

    def file_complete(self, file_size: int | None) -> None:
        return None
