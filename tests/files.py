"""Documents for tests: PDFs, electronic invoices and archives, sound and hostile."""

import io
import zipfile
from collections.abc import Mapping

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"


def pdf(text: str = "Invoice", *, padding: int = 0) -> bytes:
    """A small PDF of one page, `padding` bytes longer."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    out = b"%PDF-1.7\n" + (b"%" + b"x" * (padding - 2) + b"\n" if padding else b"")
    offsets = []
    for number, part in enumerate(parts, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, start)


def pdf_of_size(size: int) -> bytes:
    """A PDF of exactly this size."""
    wanted = size - len(pdf())
    made = pdf(padding=wanted)
    return made if len(made) == size else pdf(padding=wanted - (len(made) - size))


def ubl(
    number: str = "INV-1",
    *,
    amount: str = "25000.00",
    currency: str = "AED",
    customer: str = "Gulf Trading LLC",
    issue_date: str = "2026-01-15",
    due_date: str = "2026-02-14",
    customization: str = "urn:peppol:pint:billing-1@ae-1",
    profile: str = "urn:peppol:bis:billing",
    root: str = "Invoice",
    before: str = "",
) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>{before}
<{root} xmlns="{UBL}{root}-2"
  xmlns:cac="{UBL}CommonAggregateComponents-2" xmlns:cbc="{UBL}CommonBasicComponents-2">
  <cbc:CustomizationID>{customization}</cbc:CustomizationID>
  <cbc:ProfileID>{profile}</cbc:ProfileID>
  <cbc:ID>{number}</cbc:ID>
  <cbc:IssueDate>{issue_date}</cbc:IssueDate>
  <cbc:DueDate>{due_date}</cbc:DueDate>
  <cbc:DocumentCurrencyCode>{currency}</cbc:DocumentCurrencyCode>
  <cac:AccountingSupplierParty><cac:Party><cac:PartyLegalEntity>
    <cbc:RegistrationName>Falcon Trading LLC</cbc:RegistrationName>
  </cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
  <cac:AccountingCustomerParty><cac:Party><cac:PartyName><cbc:Name>{customer}</cbc:Name></cac:PartyName>
  </cac:Party></cac:AccountingCustomerParty>
  <cac:TaxTotal><cbc:TaxAmount currencyID="{currency}">1190.48</cbc:TaxAmount></cac:TaxTotal>
  <cac:LegalMonetaryTotal>
    <cbc:TaxInclusiveAmount currencyID="{currency}">{amount}</cbc:TaxInclusiveAmount>
    <cbc:PayableAmount currencyID="{currency}">{amount}</cbc:PayableAmount>
  </cac:LegalMonetaryTotal>
</{root}>""".encode()


def archive(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return out.getvalue()
