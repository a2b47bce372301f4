"""Headings in the exports of accounting programs.

A product is recognised by a combination of headings. Its meanings take precedence over the common ones in `columns`:
"No." is the invoice number in most files, but the number of a ledger line in Sage 50.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """An export of a program. Headings are separated by "|".

    `signs` are sets of headings, of which one must be present as a whole. `headings` are those of each field, the best
    one first. `unused` are known columns that are not needed.
    """

    name: str
    signs: tuple[str, ...]
    headings: Mapping[str, str] = field(default_factory=dict)
    unused: str = ""


# Amounts in the currency of the books, beside a column with the invoice's currency.
IN_COMPANY_CURRENCY = (
    "total signed|amount total signed|amount due signed|residual signed|amount residual signed|totaldue|totalentered"
    "|home amount|home open balance"
)

# Headings of amounts including taxes. "Amount" alone may be with or without.
TOTALS = (
    "total|invoice total|invoice amount|total amount|grand total|amount total|gross amount|gross|gross total"
    "|total in currency|total in currency signed|total signed|amount total signed|opening amount|bill amount"
    "|total incl tax|total including tax|total inc vat|total with tax|total inclusive|totalentered|trx totalentered"
    "|transaction amount|total transaction amount|foreign total"
    "|الإجمالي|إجمالي الفاتورة|المبلغ الإجمالي|مبلغ الفاتورة|قيمة الفاتورة|المجموع|الإجمالي شامل الضريبة"
    "|الإجمالي مع الضريبة|الصافي شامل الضريبة"
)

# Headings of amounts that are always the whole invoice's, even on rows of line items.
WHOLE_INVOICE = (
    "invoice total|invoice amount|grand total|total in currency|total in currency signed|total signed|opening amount"
    "|amount total|amount total signed|bill amount|trx totalentered|totalentered|total transaction amount"
    "|إجمالي الفاتورة|مبلغ الفاتورة|قيمة الفاتورة"
)
# Headings of amounts that may be a line item's if the file has one of the columns below.
EITHER = "total|total amount|المجموع|الإجمالي|المبلغ الإجمالي"
OF_LINES = (
    "quantity|qty|unit price|unit amount|price|rate|item|item name|product|product service|sku|description|item code"
    "|line|line amount|line no|line number|item desc|uom|unit|sales price|hsn sac|الكمية|السعر|سعر الوحدة|الصنف|البند"
    "|اسم الصنف|المنتج|الوصف|البيان"
)

# Known columns that are not needed beside a total.
PARTS_OF_A_TOTAL = (
    "subtotal|sub total|tax|vat|tax amount|vat amount|total tax|tax total|total vat|net|net amount|total net|untaxed"
    "|untaxed amount|tax excluded|total excl tax|total excluding tax|amount without tax"
    "|الضريبة|ضريبة القيمة المضافة|قيمة الضريبة|مبلغ الضريبة|قبل الضريبة|المبلغ قبل الضريبة|الإجمالي قبل الضريبة"
    "|المجموع الفرعي|الصافي"
)

# Columns that look like money but are not.
COMMON_UNUSED = (
    "payment terms|terms|terms name|credit terms|credit period|days overdue|overdue days|overdue by days|days late"
    "|age|aging|ageing|age of bill in days|payment method|line|row|s no|sr no|sl no|serial|م|مسلسل|شروط الدفع"
    "|شروط السداد|أيام التأخير|عدد أيام التأخير|طريقة الدفع"
)

_XERO_LINES = (
    "po address line 1|poaddress line1|poaddress line2|poaddress line3|poaddress line4|pocity|poregion|popostal code"
    "|pocountry|saaddress line1|saaddress line2|saaddress line3|saaddress line4|sacity|saregion|sapostal code"
    "|sacountry|reference|planned date|expected date|tax total|total tax|sub total|inventory item code|description"
    "|quantity|unit amount|discount|line amount|account code|tax type|tax amount|tracking name1|tracking option1"
    "|tracking name2|tracking option2|sent|sent to contact|branding theme|currency rate|line amount types|invoice id"
    "|expected payment date|planned payment date|fully paid on date|last updated|ref"
)

_ZOHO_UNUSED = (
    "invoice id|accounts receivable|customer id|customer number|is inclusive tax|purchase order|purchaseorder"
    "|exchange rate|sub total|subtotal|adjustment|adjustment description|discount type|is discount before tax"
    "|entity discount percent|entity discount amount|discount|discount amount|item name|item desc|item description"
    "|quantity|item price|item total|item tax|item tax 1|item tax1|item tax amount|item tax1 amount|item tax type"
    "|item tax|item tax %|item tax exemption reason|usage unit|sku|product id|brand|kit combo item name|account"
    "|account code|shipping charge|shipping bill|shipping charge tax|shipping charge tax amount|shipping charge tax %"
    "|shipping charge tax type|shipping charge account|tax total|round off|sales person|sales order number"
    "|project id|project name|expense reference id|recurrence name|paypal|authorize net|google checkout|payflow pro"
    "|stripe|2checkout|braintree|forte|worldpay|payments pro|square|wepay|razorpay|gocardless|partial payments"
    "|billing attention|billing address|billing street2|billing city|billing state|billing country|billing code"
    "|billing phone|billing fax|shipping attention|shipping address|shipping street2|shipping city|shipping state"
    "|shipping country|shipping code|shipping fax|shipping phone number|template name|terms conditions|subject"
    "|payment terms|payment terms label|early payment discount percentage|early payment discount amount"
    "|early payment discount due days|late fee name|late fee type|late fee rate|late fee amount|late fee frequency"
    "|last payment date|expected payment date|primary contact name|estimate number|order number|branch id|branch name"
    "|tax registration number|tax treatment|place of supply|vat treatment|gst treatment|hsn sac|reference invoice date"
    "|reference invoice #|gst registration number|entity discount|credits issued|write off amount|place of contact"
    "|supply type|invoice type|tax id|nature of collection|tds name|tds percentage|tds amount|tds type|location id"
    "|location name|line item location name|recurring invoice|wht amount"
)

PRODUCTS: tuple[Product, ...] = (
    Product(
        "InFlow",
        ("invoice number|payment status|escalation level|days overdue",),
        {"status": "status", "payment_status": "payment status", "balance": "balance"},
        "days overdue|hold until|escalation level|last contacted at|next contact at|created at|id",
    ),
    Product(
        "Xero",  # Business > Invoices > Export; one row for each line of an invoice
        ("contact name|invoice number|invoice amount due", "contact name|invoice number|invoice amount paid"),
        {
            "invoice_number": "invoice number",
            "debtor_name": "contact name",
            "debtor_email": "email address",
            "issue_date": "invoice date",
            "due_date": "due date",
            "amount": "total",
            "amount_paid": "invoice amount paid",
            "balance": "invoice amount due",
            "currency": "currency",
            "document_type": "type",
            "status": "status",
        },
        _XERO_LINES,
    ),
    Product(
        "Xero",  # the list of invoices
        ("number|to|paid|due|status", "invoice number|to|paid|due"),
        {
            "invoice_number": "number|invoice number",
            "debtor_name": "to",
            "issue_date": "date",
            "due_date": "due date",
            "amount_paid": "paid",
            "balance": "due",
            "status": "status",
        },
        _XERO_LINES,
    ),
    Product(
        "Xero",  # add-ons that use the API's names
        ("invoice number|amount due|amount credited", "invoice number|amount due|fully paid on date"),
        {
            "debtor_name": "contact|contact name",
            "amount": "total",
            "amount_paid": "amount paid",
            "amount_credited": "amount credited",
            "balance": "amount due",
            "document_type": "type",
        },
        _XERO_LINES,
    ),
    Product(
        "QuickBooks Online",  # Sales by Customer Detail and similar: the balance is a running balance
        ("transaction type|num|product service", "num|qty|sales price", "transaction type|num|qty"),
        {
            "invoice_number": "num",
            "debtor_name": "customer|customer full name|name",
            "document_type": "transaction type",
            "amount": "amount",
        },
        "memo|memo description|product service|product service full name|qty|quantity|sales price|rate|balance"
        "|item split account|account|class|location|customer type|description",
    ),
    Product(
        "QuickBooks Online",  # Invoice List, Open Invoices, Invoices and Received Payments
        ("transaction type|num", "transaction type|open balance", "num|foreign open balance"),
        {
            "invoice_number": "num|no",
            "debtor_name": "customer full name|customer|customer project|name",
            "debtor_email": "customer email|email",
            "issue_date": "date|transaction date|invoice date",
            "document_type": "transaction type|type",
            "amount": "foreign amount|total amount|amount",
            "balance": "foreign open balance|open balance|balance due|a r amount due",
            "status": "status|a r paid|invoice status",
        },
        "memo|memo description|terms|class|location|sales rep|ship date|ship via|p o number|po number|past due"
        "|delivery status|sent date|action|attachments|last delivered date|home amount"
        "|home open balance|customer type|account|split",
    ),
    Product(
        "QuickBooks Desktop",  # Open Invoices, Transaction List by Customer
        ("type|num|open balance", "type|date|num|aging"),
        {
            "invoice_number": "num",
            "debtor_name": "name|customer|source name",
            "issue_date": "date",
            "document_type": "type",
            "amount": "amount|original amount",
            "balance": "open balance",
            "amount_paid": "paid amount",
            "status": "paid|status",
        },
        "p o #|p o|po|po number|terms|class|aging|rep|memo|account|clr|split|debit|credit|balance|trans #|trans"
        "|via|ship date|fob|item|qty|sales price",
    ),
    Product(
        "Zoho Books",  # Invoices > Export: one row for each item
        ("invoice number|invoice status", "invoice #|invoice status|balance", "invoice status|customer name|balance"),
        {
            "invoice_number": "invoice number|invoice #|invoice",
            "debtor_name": "customer name",
            "debtor_company": "company name",
            "debtor_email": "primary contact email id|primary contact emailid|email id|email",
            "debtor_phone": "primary contact mobile|primary contact phone|mobile phone",
            "issue_date": "invoice date|date",
            "due_date": "due date",
            "amount": "total|invoice amount|amount",
            "balance": "balance|balance due",
            "currency": "currency code",
            "status": "invoice status|status",
            "notes": "notes",
        },
        _ZOHO_UNUSED,
    ),
    Product(
        "Sage Intacct",  # field names
        ("recordid|whendue", "state|trx totaldue", "recordid|totaldue"),
        {
            "invoice_number": "recordid",
            "debtor_name": "customername",
            "issue_date": "whencreated|wheninvoiced",
            "due_date": "whendue",
            "amount": "trx totalentered|totalentered",
            "books_amount": "totalentered",
            "amount_paid": "trx totalpaid|totalpaid",
            "balance": "trx totaldue|totaldue",
            "currency": "currency",
            "status": "state",
            "document_type": "recordtype",
        },
        "recordno|customerid|description|termname|whenposted|whenpaid|basecurr|totalentered|totalpaid|totaldue"
        "|totalselected|trx totalselected|exch rate|exchange rate|docnumber|due in days|dueindays|rawstate|prbatch"
        "|megaentityid",
    ),
    Product(
        "Sage Intacct",  # Accounts Receivable > Invoices > Export
        ("invoice number|customer name|state", "invoice number|customer|state|total due"),
        {
            "invoice_number": "invoice number",
            "debtor_name": "customer name|customer",
            "issue_date": "invoice date|date|date created",
            "due_date": "due date",
            "amount": "total transaction amount|transaction amount|txn amount|total amount|total",
            "amount_paid": "total transaction amount paid|transaction amount paid|total paid",
            "balance": "total transaction amount due|transaction amount due|txn amount due|total due|amount due",
            "currency": "transaction currency|txn currency|currency",
            "status": "state",
        },
        "record number|customer id|reference number|description|term|gl posting date|date posted|base currency"
        "|base amount|exchange rate|attachment|summary|total selected|batch",
    ),
    Product(
        "Sage 50",  # Customer activity, Aged debtors (detailed), Invoice list
        ("type|a c|ref", "no|type|a c", "type|account ref|ref", "tran number|type|account ref"),
        {
            "invoice_number": "invoice no|invoice number|inv no|ref|reference",
            "debtor_name": "name|customer name|account name|a c|account ref",
            "issue_date": "date|invoice date|tran date",
            "due_date": "due date|due on|date due",
            "document_type": "type",
            "amount": "gross amount|gross|amount|invoice amount",
            "amount_paid": "amount paid|receipts",
            "balance": "outstanding|o s amount|amount outstanding|outstanding amount|balance|o s",
            "status": "status",
        },
        "no|tran number|trans no|a c|account ref|ex ref|details|t c|n c|dept|department|net amount|net|tax amount|tax"
        "|vat|disputed|bank rec|days|current|30 days|60 days|90 days|older|credit limit|turnover|project ref",
    ),
    Product(
        "Sage 50",  # US: Aged Receivables
        ("customer id|invoice cm #", "customer id|invoice no|amount due"),
        {
            "invoice_number": "invoice cm #|invoice no|invoice number",
            "debtor_name": "customer|customer name|bill to name|customer id",
            "issue_date": "date|invoice date",
            "due_date": "date due|due date",
            "amount": "invoice amount|amount",
            "balance": "amount due|net due|balance",
        },
        "customer id|0 30|31 60|61 90|over 90 days|telephone 1|contact|ship by|discount amount|discount date",
    ),
    Product(
        "Sage Business Cloud",  # Sales > Sales invoices > Export
        ("customer|total|outstanding|status", "invoice number|customer name|outstanding", "contact|total|outstanding"),
        {
            "invoice_number": "invoice number|number|document number|displayed as",
            "debtor_name": "customer name|customer|contact name|contact",
            "issue_date": "invoice date|date",
            "due_date": "due date",
            "amount": "total|total amount|gross",
            "amount_paid": "total paid|paid amount|paid",
            "balance": "outstanding|amount outstanding|outstanding amount",
            "currency": "currency|currency code",
            "status": "status",
            "document_type": "type|document type",
        },
        "reference|net|net amount|vat|tax|tax amount|vat amount|exchange rate|base currency total|sent|notes"
        "|last emailed|customer reference|discount|carriage|shipping",
    ),
    Product(
        "Odoo",  # Customers > Invoices > Export
        (
            "number|invoice partner display name",
            "number|payment status",
            "invoice bill date|due date",
            "amount due signed|number",
            "number|payment state",
            "move type|payment state",
            "الرقم|حالة الدفع",
            "الرقم|حاله السداد",
        ),
        {
            "invoice_number": "number|name|الرقم",
            "debtor_name": "invoice partner display name|partner display name|customer|partner|partner name|invoice"
            " partner|اسم العرض للشريك في الفاتورة|الشريك|العميل",
            "debtor_email": "partner email|email|customer email",
            "debtor_phone": "partner mobile|partner phone",
            "issue_date": "invoice bill date|invoice date|تاريخ الفاتورة",
            "due_date": "due date|invoice date due|تاريخ الاستحقاق",
            "amount": "total in currency signed|total in currency|total|amount total|total signed|amount total signed"
            "|الإجمالي بالعملة|الإجمالي",
            "books_amount": "total signed|amount total signed",
            "balance": "amount due in currency|amount due in currency signed|amount residual|residual|amount due"
            "|amount due signed|residual signed|amount residual signed|المبلغ المستحق",
            "currency": "currency|currency name|العملة",
            "status": "status|state|الحالة",
            "payment_status": "payment status|payment state|حالة الدفع|حالة السداد",
            "document_type": "type|move type",
        },
        "untaxed amount signed|untaxed amount|untaxed amount in currency|untaxed amount signed currency|tax excluded"
        "|tax|tax signed|amount untaxed|amount tax|total signed|amount due signed|next activity|activities|activity"
        "|salesperson|sales team|company|journal|source document|origin|reference|payment reference|source email"
        "|responsible|activity state|activity exception decoration|my activity deadline|next activity deadline"
        "|status in payment|invoice sent|sent|الشركة|الأنشطة|النشاط التالي|المبلغ دون الضريبة"
        "|المبلغ غير الخاضع للضريبة",
    ),
    Product(
        "Tally",  # Outstandings > Bills Receivable
        ("ref no|pending amount", "party s name|pending amount", "party s name|due on", "vch no|vch type"),
        {
            "invoice_number": "ref no|ref number|bill ref no|bill no|vch no|voucher no|invoice no",
            "debtor_name": "party s name|party name|particulars|buyer|consignee buyer",
            "debtor_phone": "mobile|mobile no|phone",
            "issue_date": "date|bill date",
            "due_date": "due on|due date",
            "document_type": "vch type|voucher type",
            "amount": "opening amount|bill amount|gross total|amount|value",
            "balance": "pending amount|final balance|closing balance|pending",
        },
        "overdue by days|overdue days|age of bill in days|age of bill|post dated amount|gstin uin|narration"
        "|voucher ref no|voucher ref date|order no date|party code|sales person|remarks",
    ),
)
