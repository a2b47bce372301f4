"""Small exports as accounting programs write them, with invented data. Due dates lie in the far future."""

XERO = """\
ContactName,EmailAddress,POAddressLine1,POPostalCode,InvoiceNumber,Reference,InvoiceDate,DueDate,Total,TaxTotal,\
InvoiceAmountPaid,InvoiceAmountDue,InventoryItemCode,Description,Quantity,UnitAmount,Discount,LineAmount,AccountCode,\
TaxType,TaxAmount,Currency,Type,Sent,Status
Al Noor Trading LLC,ap@alnoor.example,Office 12,00000,INV-0101,PO 7,05/11/2026,25/11/2998,1050.00,50.00,0.00,1050.00,\
,Cabling,2.0,250.00,,500.00,200,5% VAT,25.00,AED,Sales invoice,Sent,Awaiting Payment
Al Noor Trading LLC,ap@alnoor.example,Office 12,00000,INV-0101,PO 7,05/11/2026,25/11/2998,1050.00,50.00,0.00,1050.00,\
,Installation,1.0,500.00,,500.00,200,5% VAT,25.00,AED,Sales invoice,Sent,Awaiting Payment
Oryx Hotels,fin@oryx.example,,,INV-0102,,01/11/2026,01/12/2998,2100.00,100.00,600.00,1500.00,\
,Service,1.0,2000.00,,2000.00,200,5% VAT,100.00,USD,Sales invoice,Sent,Awaiting Payment
Palm Bakery,,,,INV-0103,,01/10/2026,31/10/2026,315.00,15.00,315.00,0.00,,Repair,1.0,300.00,,300.00,200,5% VAT,15.00,\
AED,Sales invoice,Sent,Paid
Palm Bakery,,,,INV-0104,,01/10/2026,31/10/2026,210.00,10.00,0.00,0.00,,Repair,1.0,200.00,,200.00,200,5% VAT,10.00,AED,\
Sales invoice,,Voided
Palm Bakery,,,,INV-0105,,01/10/2026,31/10/2998,105.00,5.00,0.00,105.00,,Repair,1.0,100.00,,100.00,200,5% VAT,5.00,AED,\
Sales invoice,,Draft
Palm Bakery,,,,INV-0106,,01/10/2026,31/10/2998,105.00,5.00,0.00,105.00,,Repair,1.0,100.00,,100.00,200,5% VAT,5.00,AED,\
Sales invoice,,Awaiting Approval
Palm Bakery,,,,CN-0001,,01/10/2026,31/10/2998,-105.00,-5.00,0.00,-105.00,,Refund,1.0,-100.00,,-100.00,200,5% VAT,-5.00,\
AED,Sales credit note,,Awaiting Payment
"""

XERO_LIST = """\
Number,Ref,To,Date,Due Date,Paid,Due,Status,Sent
INV-0201,,Al Noor Trading LLC,14 Nov 2026,14 Dec 2998,0.00,800.00,Awaiting Payment,Sent
INV-0202,,Oryx Hotels,14 Nov 2026,14 Dec 2998,300.00,700.00,Awaiting Payment,Sent
INV-0203,,Palm Bakery,14 Oct 2026,14 Nov 2026,250.00,0.00,Paid,Sent
"""

QUICKBOOKS_ONLINE = """\
Falcon Trading LLC,,,,,,,
Invoice List,,,,,,,
All Dates,,,,,,,

Date,Transaction type,Num,Name,Memo/Description,Due date,Amount,Open balance
11/05/2026,Invoice,1001,Al Noor Trading LLC,,12/25/2998,"1,000.00","1,000.00"
11/06/2026,Invoice,1002,Oryx Hotels,,12/06/2998,"2,000.00",500.00
11/06/2026,Invoice,1003,Palm Bakery,,12/06/2026,300.00,0.00
11/07/2026,Payment,1004,Palm Bakery,,11/07/2026,-300.00,0.00
11/08/2026,Credit Memo,1005,Palm Bakery,,11/08/2026,-50.00,-50.00
11/09/2026,Invoice,1006,Palm Bakery,Voided,12/09/2026,0.00,0.00
TOTAL,,,,,,"$2,950.00","$1,450.00"
"""

QUICKBOOKS_LINES = """\
Date,Transaction type,Num,Customer,Product/Service,Memo/Description,Due date,Qty,Sales price,Amount,Balance
11/05/2026,Invoice,1001,Al Noor Trading LLC,Cabling,,12/25/2998,2,250.00,500.00,500.00
11/05/2026,Invoice,1001,Al Noor Trading LLC,Installation,,12/25/2998,1,500.00,500.00,"1,000.00"
11/06/2026,Invoice,1002,Oryx Hotels,Service,,12/26/2998,1,700.00,700.00,700.00
11/06/2026,Invoice,1003,Palm Bakery,Repair,,12/26/2998,1,100.00,100.00,100.00
11/06/2026,Invoice,1003,Palm Bakery,Parts,,12/26/2998,1,80.00,80.00,180.00
"""

QUICKBOOKS_DESKTOP = """\
Type,Date,Num,P. O. #,Name,Terms,Due Date,Aging,Open Balance
Invoice,10/15/2026,2001,,Al Noor Trading LLC,Net 30,11/14/2998,,"1,250.00"
Credit Memo,10/16/2026,2002,,Al Noor Trading LLC,,10/16/2026,,-250.00
Payment,10/17/2026,2003,,Oryx Hotels,,,,-100.00
"""

ZOHO = """\
Invoice Date,Invoice ID,Invoice Number,Invoice Status,Customer ID,Customer Name,Due Date,Currency Code,Exchange Rate,\
SubTotal,Total,Balance,Adjustment,Item Name,Quantity,Item Price,Item Total,Notes,Primary Address EmailID
2026-11-05,4000001,INV-000301,Overdue,9001,Al Noor Trading LLC,2998-11-20,AED,1.00,1000.00,1050.00,1050.00,0.00,\
Cabling,2,250.00,500.00,Thanks,ap@alnoor.example
2026-11-05,4000001,INV-000301,Overdue,9001,Al Noor Trading LLC,2998-11-20,AED,1.00,1000.00,1050.00,1050.00,0.00,\
Installation,1,500.00,500.00,Thanks,ap@alnoor.example
2026-11-06,4000002,INV-000302,PartiallyPaid,9002,Oryx Hotels,2998-11-21,USD,3.67,2000.00,2100.00,1500.00,0.00,\
Service,1,2000.00,2000.00,,fin@oryx.example
2026-11-07,4000003,INV-000303,Closed,9003,Palm Bakery,2026-11-22,AED,1.00,300.00,315.00,0.00,0.00,Repair,1,300.00,,,
2026-11-07,4000004,INV-000304,Void,9003,Palm Bakery,2026-11-22,AED,1.00,300.00,315.00,315.00,0.00,Repair,1,300.00,,,
2026-11-07,4000005,INV-000305,Draft,9003,Palm Bakery,2998-11-22,AED,1.00,300.00,315.00,315.00,0.00,Repair,1,300.00,,,
2026-11-07,4000006,INV-000306,Paid,9003,Palm Bakery,2998-11-22,AED,1.00,300.00,315.00,15.00,0.00,Repair,1,300.00,,,
"""

SAGE_50 = """\
No.,Type,A/C,Name,Date,Due Date,Ref,Details,Net Amount,Tax Amount,Gross Amount,Outstanding
501,SI,ALN001,Al Noor Trading LLC,05/11/2026,25/11/2998,8001,Cabling,1000.00,50.00,1050.00,1050.00
502,SI,ORY001,Oryx Hotels,06/11/2026,06/12/2998,8002,Service,2000.00,100.00,2100.00,100.00
503,SC,ORY001,Oryx Hotels,07/11/2026,07/12/2998,CR77,Returned,200.00,10.00,210.00,210.00
504,SR,ORY001,Oryx Hotels,08/11/2026,,BACS,Sales receipt,2000.00,0.00,2000.00,0.00
505,SI,PAL001,Palm Bakery,08/10/2026,08/11/2026,8003,Repair,300.00,15.00,315.00,0.00
"""

SAGE_INTACCT = """\
RECORDNO,RECORDID,CUSTOMERID,CUSTOMERNAME,STATE,WHENCREATED,WHENDUE,CURRENCY,TRX_TOTALENTERED,TRX_TOTALPAID,TRX_TOTALDUE,\
TOTALENTERED,TOTALDUE
71,SI-9001,C1,Al Noor Trading LLC,Posted,11/05/2026,12/25/2998,USD,1800,0,1800,6610.50,6610.50
72,SI-9002,C2,Oryx Hotels,Partially Paid,11/06/2026,12/26/2998,AED,1000,400,600,1000,600
73,SI-9003,C3,Palm Bakery,Paid,10/06/2026,11/06/2026,AED,500,500,0,500,0
74,SI-9004,C3,Palm Bakery,Reversed,10/06/2026,11/06/2026,AED,500,0,500,500,500
75,SI-9005,C3,Palm Bakery,Draft,10/06/2026,11/06/2998,AED,500,0,500,500,500
"""

SAGE_BUSINESS_CLOUD = """\
Invoice Number,Customer,Reference,Date,Due Date,Net,VAT,Total,Outstanding,Status
SI-101,Al Noor Trading LLC,PO 1,05/11/2026,25/11/2998,1000.00,50.00,1050.00,1050.00,Unpaid
SI-102,Oryx Hotels,PO 2,06/11/2026,26/11/2998,2000.00,100.00,2100.00,600.00,Part Paid
SI-103,Palm Bakery,PO 3,06/10/2026,06/11/2026,300.00,15.00,315.00,0.00,Paid
SI-104,Palm Bakery,PO 4,06/10/2026,06/11/2026,300.00,15.00,315.00,315.00,Void
"""

ODOO = """\
Number,Invoice Partner Display Name,Invoice/Bill Date,Due Date,Activities,Untaxed Amount Signed,Total Signed,\
Total in Currency Signed,Amount Due Signed,Currency,Payment Status,Status,Company
INV/2026/00001,Al Noor Trading LLC,2026-11-05,2998-11-25,,1000.00,1050.00,1050.00,1050.00,AED,Not Paid,Posted,Falcon
INV/2026/00002,Oryx Hotels,2026-11-06,2998-11-26,,2000.00,2100.00,2100.00,600.00,AED,Partially Paid,Posted,Falcon
INV/2026/00003,Palm Bakery,2026-10-06,2026-11-06,,300.00,315.00,315.00,0.00,AED,Paid,Posted,Falcon
INV/2026/00004,Palm Bakery,2026-10-06,2026-11-06,,300.00,315.00,315.00,0.00,AED,In Payment,Posted,Falcon
INV/2026/00005,Palm Bakery,2026-10-06,2026-11-06,,300.00,315.00,315.00,0.00,AED,Reversed,Posted,Falcon
/,Palm Bakery,2026-10-06,2998-11-06,,300.00,315.00,315.00,315.00,AED,Not Paid,Draft,Falcon
INV/2026/00006,Palm Bakery,2026-10-06,2026-11-06,,300.00,315.00,315.00,0.00,AED,Not Paid,Cancelled,Falcon
RINV/2026/00001,Palm Bakery,2026-10-06,2026-11-06,,-100.00,-105.00,-105.00,-105.00,AED,Not Paid,Posted,Falcon
INV/2026/00007,Delta GmbH,2026-11-06,2998-11-26,,6610.00,6610.50,1800.00,2000.00,USD,Partially Paid,Posted,Falcon
"""

TALLY = """\
Falcon Trading LLC
Bills Receivable
1-Apr-26 to 30-Nov-26

Date,Ref. No.,Party's Name,Opening Amount,Pending Amount,Due on,Overdue by days
12-Aug-26,S/101,Al Noor Trading LLC,"1,28,500.00 Dr","1,28,500.00 Dr",11-Sep-2998,
14-Aug-26,S/102,Oryx Hotels,"50,000.00 Dr","20,000.00 Dr",13-Sep-2998,
15-Aug-26,CN/7,Palm Bakery,"5,000.00 Cr","5,000.00 Cr",15-Aug-26,107
,,Total,,"1,43,500.00 Dr",,
"""

ARABIC = """\
رقم الفاتورة;العميل;تاريخ الفاتورة;تاريخ الاستحقاق;العملة;الإجمالي;المسدد;المتبقي;الحالة
ف-1;مؤسسة النور;05/11/2026;25/11/2998;درهم إماراتي;١٬٠٥٠٫٠٠;0;١٬٠٥٠٫٠٠;غير مدفوعة
ف-2;فنادق المها;06/11/2026;26/11/2998;AED;2,100.00;600.00;1,500.00;مدفوعة جزئياً
ف-3;مخبز النخلة;06/10/2026;06/11/2026;AED;315.00;315.00;0;مدفوعة
ف-4;مخبز النخلة;06/10/2026;06/11/2026;AED;315.00;0;315.00;ملغاة
ف-5;مخبز النخلة;06/10/2026;06/11/2998;AED;315.00;0;315.00;مسودة
ف-6;مخبز النخلة;06/10/2026;06/11/2998;AED;315.00;0;315.00;متأخرة 5 أيام
"""
