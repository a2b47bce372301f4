"""Errors of an import. The parsing process imports this module too, so it must not import Django."""


class FileRefused(Exception):
    """The parser refuses the file. `reading.message` has the text for each `reason`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


class UnreadableFile(Exception):
    """The file can't be read. The message is for people."""


class RowRefused(Exception):
    """A row is invalid or ambiguous. The message is for people."""


class ClaimLost(Exception):
    """Another worker has claimed the import, or a person stopped it."""
