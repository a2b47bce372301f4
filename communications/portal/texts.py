"""Texts of the debtor's page in English and Arabic."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageText:
    language: str
    direction: str
    other_language: str
    other_name: str

    title: str
    open_invoices: str
    nothing_open: str
    invoice: str
    due: str
    due_today: str
    due_in: str
    late: str
    disputed: str
    on_hold: str
    promised: str
    in_all: str
    past_due: str
    not_yet_due: str
    of_amount: str
    before_credit: str
    less_credit: str
    credit_on_account: str
    sum_disputed: str
    sum_on_hold: str

    how_to_pay: str
    statement: str
    statement_note: str

    you_said: str
    said_paid: str
    said_paid_as: str
    said_promise: str
    said_promise_taken: str
    said_dispute: str
    waits: str
    confirmed: str

    tell_us: str
    tell_us_note: str
    which: str
    paid: str
    paid_note: str
    paid_on: str
    reference: str
    reference_help: str
    paid_send: str
    promise: str
    promise_note: str
    promised_on: str
    promise_send: str
    dispute: str
    dispute_note: str
    why: str
    dispute_send: str
    stop: str
    stop_note: str
    channel: str
    stop_email: str
    stop_sms: str
    stop_whatsapp: str
    stop_all: str
    stop_send: str
    stopped_all: str
    stopped: str
    optional: str

    done_paid: str
    done_promise: str
    done_proposed: str
    done_dispute: str
    done_stop: str
    wrong: str
    refused: str
    choose_open: str

    private: str
    expires: str

    leave_title: str
    leave_note: str
    leave_send: str
    left: str

    statement_title: str
    statement_for: str
    statement_as_of: str
    date: str
    entry: str
    charge: str
    credit: str
    balance: str
    brought_forward: str
    payment_for: str
    reversal_for: str
    no_entries: str
    part_overdue: str
    part_not_due: str
    part_on_hold: str
    part_disputed: str
    part_credit: str


ENGLISH = PageText(
    language="en",
    direction="ltr",
    other_language="ar",
    other_name="العربية",
    title="Your account with {sender}",
    open_invoices="Open invoices",
    nothing_open="You have no open invoices. Thank you.",
    invoice="Invoice",
    due="Due {date}",
    due_today="Due today",
    due_in="Due in {days}",
    late="{days} overdue",
    disputed="Disputed",
    on_hold="On hold",
    promised="You will pay by {date}",
    in_all="Total open",
    past_due="of which past due: {amount}",
    not_yet_due="none of it is past due",
    of_amount="of {amount}",
    before_credit="Open before credit: {amount}",
    less_credit="Less credit on account: {amount}",
    credit_on_account="Credit on account: {amount}",
    sum_disputed="disputed: {amount}",
    sum_on_hold="on hold: {amount}",
    how_to_pay="How to pay",
    statement="Statement of account (PDF)",
    statement_note="All invoices and payments of the last twelve months.",
    you_said="Your replies",
    said_paid="You paid on {date}.",
    said_paid_as="You paid on {date}, reference {reference}.",
    said_promise="You proposed to pay by {date}.",
    said_promise_taken="You will pay by {date}.",
    said_dispute="You dispute this invoice:",
    waits="Under review",
    confirmed="Recorded",
    tell_us="Reply",
    tell_us_note="Choose one of the options. Your reply goes to the team that manages your account.",
    which="Which invoices?",
    paid="I have paid",
    paid_note="We will check and confirm the payment. Reminders are paused for a few days meanwhile.",
    paid_on="Payment date",
    reference="Payment reference",
    reference_help="For example the transfer or cheque number.",
    paid_send="Report payment",
    promise="I will pay by a certain date",
    promise_note="Dates up to {date} are accepted right away; later dates, or a second date, need our approval.",
    promised_on="Planned payment date",
    promise_send="Promise payment",
    dispute="Something is wrong with an invoice",
    dispute_note="Reminders about these invoices are paused until the matter is settled.",
    why="What is wrong?",
    dispute_send="Dispute invoices",
    stop="Stop messages",
    stop_note="This stops the messages only. The open amount remains payable.",
    channel="Which messages should stop?",
    stop_email="Emails",
    stop_sms="SMS",
    stop_whatsapp="WhatsApp messages",
    stop_all="All messages",
    stop_send="Stop these messages",
    stopped_all="As you requested, we no longer send you messages.",
    stopped="As you requested, you no longer receive:",
    optional="optional",
    done_paid="Thank you. We will check and confirm the payment.",
    done_promise="Thank you. We have recorded the date and look forward to your payment.",
    done_proposed="Thank you. We will review the date that you proposed and get back to you.",
    done_dispute="Thank you for telling us. Reminders about it are paused until the matter is settled.",
    done_stop="Done. You will no longer receive these messages.",
    wrong="Your reply was not sent. Please check the marked fields.",
    refused="This is no longer possible, because the invoice has changed. Please check the page again.",
    choose_open="Please choose at least one of the open invoices.",
    private="This page is private: anyone who has its link can open it.",
    expires="The link is valid until {date}.",
    leave_title="Stop messages",
    leave_note="Stop messages from {sender} about open invoices to {address}? The open amount remains payable.",
    leave_send="Stop these messages",
    left="Done. {sender} will no longer send these messages to {address}.",
    statement_title="Statement of account",
    statement_for="For",
    statement_as_of="As of {date}",
    date="Date",
    entry="Entry",
    charge="Invoiced",
    credit="Paid",
    balance="Balance",
    brought_forward="Brought forward",
    payment_for="Payment for invoice",
    reversal_for="Reversed payment for invoice",
    no_entries="There are no entries.",
    part_overdue="Past due",
    part_not_due="Not yet due",
    part_on_hold="On hold",
    part_disputed="Disputed",
    part_credit="Less credit on account",
)
ARABIC = PageText(
    language="ar",
    direction="rtl",
    other_language="en",
    other_name="English",
    title="حسابكم لدى {sender}",
    open_invoices="الفواتير المستحقة",
    nothing_open="لا توجد فواتير مستحقة. شكرًا لكم.",
    invoice="الفاتورة",
    due="مستحقة في {date}",
    due_today="تستحق اليوم",
    due_in="تستحق بعد {days}",
    late="متأخرة منذ {days}",
    disputed="محل اعتراض",
    on_hold="معلّقة",
    promised="موعد سدادكم {date}",
    in_all="إجمالي المستحق",
    past_due="منه متأخر السداد: {amount}",
    not_yet_due="لم يحن موعد استحقاقه بعد",
    of_amount="من أصل {amount}",
    before_credit="المستحق قبل خصم الرصيد: {amount}",
    less_credit="يُخصم رصيدكم الدائن: {amount}",
    credit_on_account="رصيدكم الدائن: {amount}",
    sum_disputed="منه محل اعتراض: {amount}",
    sum_on_hold="منه معلّق: {amount}",
    how_to_pay="طريقة السداد",
    statement="كشف الحساب (PDF)",
    statement_note="جميع الفواتير والدفعات خلال الاثني عشر شهرًا الماضية.",
    you_said="ردودكم",
    said_paid="سددتم بتاريخ {date}.",
    said_paid_as="سددتم بتاريخ {date}، رقم المرجع {reference}.",
    said_promise="اقترحتم السداد حتى {date}.",
    said_promise_taken="ستسددون حتى {date}.",
    said_dispute="اعتراضكم:",
    waits="قيد المراجعة",
    confirmed="تم التسجيل",
    tell_us="الرد",
    tell_us_note="اختاروا ما يناسبكم، وستصل إجابتكم إلى المسؤولين عن حسابكم.",
    which="أي الفواتير؟",
    paid="لقد سددت المبلغ",
    paid_note="سنتحقق من الدفعة ونؤكدها، ولن يصلكم تذكير خلال الأيام القليلة المقبلة.",
    paid_on="تاريخ السداد",
    reference="رقم مرجع الدفعة",
    reference_help="مثل رقم الحوالة أو الشيك.",
    paid_send="الإبلاغ عن السداد",
    promise="سأسدد في موعد محدد",
    promise_note="تُقبل المواعيد حتى {date} فورًا، أما المواعيد الأبعد أو الموعد الثاني فتتطلب موافقتنا.",
    promised_on="موعد السداد",
    promise_send="تأكيد الموعد",
    dispute="لدي اعتراض على فاتورة",
    dispute_note="يتوقف إرسال التذكيرات بشأن هذه الفواتير إلى حين تسوية الأمر.",
    why="ما سبب الاعتراض؟",
    dispute_send="تقديم الاعتراض",
    stop="إيقاف الرسائل",
    stop_note="تتوقف الرسائل فقط، ويظل المبلغ مستحقًا.",
    channel="أي الرسائل تريدون إيقافها؟",
    stop_email="رسائل البريد الإلكتروني",
    stop_sms="الرسائل النصية القصيرة",
    stop_whatsapp="رسائل واتساب",
    stop_all="جميع الرسائل",
    stop_send="إيقاف هذه الرسائل",
    stopped_all="لم نعد نراسلكم بناءً على طلبكم.",
    stopped="بناءً على طلبكم لم تعد تصلكم:",
    optional="اختياري",
    done_paid="شكرًا لكم. سنتحقق من الدفعة ونؤكدها.",
    done_promise="شكرًا لكم. سجّلنا الموعد ونحن بانتظار سدادكم.",
    done_proposed="شكرًا لكم. سنراجع الموعد الذي اقترحتموه ونرد عليكم.",
    done_dispute="شكرًا لإبلاغنا. أوقفنا التذكيرات بشأنها إلى حين تسوية الأمر.",
    done_stop="تم. لن تصلكم هذه الرسائل بعد الآن.",
    wrong="تعذّر الإرسال. يرجى مراجعة الحقول المشار إليها.",
    refused="لم يعد ذلك ممكنًا لأن حالة الفاتورة تغيّرت. يرجى مراجعة الصفحة من جديد.",
    choose_open="يرجى اختيار فاتورة واحدة على الأقل من الفواتير المستحقة.",
    private="هذه الصفحة خاصة بكم: يمكن لكل من لديه رابطها فتحها.",
    expires="الرابط صالح حتى {date}.",
    leave_title="إيقاف الرسائل",
    leave_note="هل تريدون إيقاف رسائل {sender} بشأن الفواتير المستحقة إلى {address}؟ يظل المبلغ مستحقًا.",
    leave_send="إيقاف هذه الرسائل",
    left="تم. لن يرسل {sender} هذه الرسائل إلى {address} بعد الآن.",
    statement_title="كشف حساب",
    statement_for="إلى",
    statement_as_of="حتى تاريخ {date}",
    date="التاريخ",
    entry="البيان",
    charge="فواتير",
    credit="دفعات",
    balance="الرصيد",
    brought_forward="رصيد سابق",
    payment_for="دفعة عن الفاتورة",
    reversal_for="عكس دفعة عن الفاتورة",
    no_entries="لا توجد حركات.",
    part_overdue="متأخر السداد",
    part_not_due="لم يحن موعد استحقاقه",
    part_on_hold="معلّق",
    part_disputed="محل اعتراض",
    part_credit="يُخصم رصيدكم الدائن",
)
_ALL = {words.language: words for words in (ENGLISH, ARABIC)}


def of(language: str) -> PageText:
    return _ALL[language]
