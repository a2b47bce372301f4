"""Names and downloads of uploaded files: documents, files of staff and files of disputes."""

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from inflow.canonical import canonical
from invoices.models import FileKind

MEDIA_TYPES = {
    FileKind.PDF: "application/pdf",
    FileKind.UBL: "application/xml",
    FileKind.PNG: "image/png",
    FileKind.JPEG: "image/jpeg",
    FileKind.TEXT: "text/plain; charset=utf-8",
}


def name_of(uploaded: str, default: str) -> str:
    """Return the name of an uploaded file as it is stored, or the default if it has none."""
    return canonical(uploaded.replace("\0", ""))[:200] or default


def download(data: bytes, name: str, media_type: str) -> HttpResponse:
    """Return a response that makes a browser save the file, never show it."""
    headers = {
        "Content-Disposition": content_disposition_header(True, name) or "attachment",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return HttpResponse(data, content_type=media_type, headers=headers)
