"""Texts of the debtor's page in English and Arabic."""

from types import SimpleNamespace


class PageText(SimpleNamespace):
    """The texts in one language. Their names are the keys of `_TEXTS`."""

    language: str


# Each text in English and Arabic.
_TEXTS = {
    "language": ("en", "ar"),
    "direction": ("ltr", "rtl"),
    "other_language": ("ar", "en"),
    "other_name": ("العربية", "English"),
    "title": ("Your account with {sender}", "حسابكم لدى {sender}"),
    "open_invoices": ("Open invoices", "الفواتير المستحقة"),
    "nothing_open": ("You have no open invoices. Thank you.", "لا توجد فواتير مستحقة. شكرًا لكم."),
    "invoice": ("Invoice", "الفاتورة"),
    "due": ("Due {date}", "مستحقة في {date}"),
    "due_today": ("Due today", "تستحق اليوم"),
    "due_in": ("Due in {days}", "تستحق بعد {days}"),
    "late": ("{days} overdue", "متأخرة منذ {days}"),
    "disputed": ("Disputed", "محل اعتراض"),
    "on_hold": ("On hold", "معلّقة"),
    "promised": ("You will pay by {date}", "موعد سدادكم {date}"),
    "in_all": ("Total open", "إجمالي المستحق"),
    "past_due": ("of which past due: {amount}", "منه متأخر السداد: {amount}"),
    "not_yet_due": ("none of it is past due", "لم يحن موعد استحقاقه بعد"),
    "of_amount": ("of {amount}", "من أصل {amount}"),
    "before_credit": ("Open before credit: {amount}", "المستحق قبل خصم الرصيد: {amount}"),
    "less_credit": ("Less credit on account: {amount}", "يُخصم رصيدكم الدائن: {amount}"),
    "credit_on_account": ("Credit on account: {amount}", "رصيدكم الدائن: {amount}"),
    "sum_disputed": ("disputed: {amount}", "منه محل اعتراض: {amount}"),
    "sum_on_hold": ("on hold: {amount}", "منه معلّق: {amount}"),
    "how_to_pay": ("How to pay", "طريقة السداد"),
    "statement": ("Statement of account (PDF)", "كشف الحساب (PDF)"),
    "statement_note": (
        "All invoices and payments of the last twelve months.",
        "جميع الفواتير والدفعات خلال الاثني عشر شهرًا الماضية.",
    ),
    "your_replies": ("Your replies", "ردودكم"),
    "reported_paid": ("You paid on {date}.", "سددتم بتاريخ {date}."),
    "reported_paid_with_reference": (
        "You paid on {date}, reference {reference}.",
        "سددتم بتاريخ {date}، رقم المرجع {reference}.",
    ),
    "promise_proposed": ("You proposed to pay by {date}.", "اقترحتم السداد حتى {date}."),
    "promise_accepted": ("You will pay by {date}.", "ستسددون حتى {date}."),
    "reported_dispute": ("You dispute this invoice:", "اعتراضكم:"),
    "under_review": ("Under review", "قيد المراجعة"),
    "confirmed": ("Recorded", "تم التسجيل"),
    "reply_title": ("Reply", "الرد"),
    "reply_note": (
        "Choose one of the options. Your reply goes to the team that manages your account.",
        "اختاروا ما يناسبكم، وستصل إجابتكم إلى المسؤولين عن حسابكم.",
    ),
    "which": ("Which invoices?", "أي الفواتير؟"),
    "paid": ("I have paid", "لقد سددت المبلغ"),
    "paid_note": (
        "We will check and confirm the payment. Reminders are paused for a few days meanwhile.",
        "سنتحقق من الدفعة ونؤكدها، ولن يصلكم تذكير خلال الأيام القليلة المقبلة.",
    ),
    "paid_on": ("Payment date", "تاريخ السداد"),
    "reference": ("Payment reference", "رقم مرجع الدفعة"),
    "reference_help": ("For example the transfer or cheque number.", "مثل رقم الحوالة أو الشيك."),
    "paid_send": ("Report payment", "الإبلاغ عن السداد"),
    "promise": ("I will pay by a certain date", "سأسدد في موعد محدد"),
    "promise_note": (
        "Dates up to {date} are accepted right away; later dates, or a second date, need our approval.",
        "تُقبل المواعيد حتى {date} فورًا، أما المواعيد الأبعد أو الموعد الثاني فتتطلب موافقتنا.",
    ),
    "promised_on": ("Planned payment date", "موعد السداد"),
    "promise_send": ("Promise payment", "تأكيد الموعد"),
    "dispute": ("Something is wrong with an invoice", "لدي اعتراض على فاتورة"),
    "dispute_note": (
        "Reminders about these invoices are paused until the matter is settled.",
        "يتوقف إرسال التذكيرات بشأن هذه الفواتير إلى حين تسوية الأمر.",
    ),
    "why": ("What is wrong?", "ما سبب الاعتراض؟"),
    "dispute_send": ("Dispute invoices", "تقديم الاعتراض"),
    "stop": ("Stop messages", "إيقاف الرسائل"),
    "stop_note": (
        "This stops the messages only. The open amount remains payable.",
        "تتوقف الرسائل فقط، ويظل المبلغ مستحقًا.",
    ),
    "channel": ("Which messages should stop?", "أي الرسائل تريدون إيقافها؟"),
    "stop_email": ("Emails", "رسائل البريد الإلكتروني"),
    "stop_sms": ("SMS", "الرسائل النصية القصيرة"),
    "stop_whatsapp": ("WhatsApp messages", "رسائل واتساب"),
    "stop_all": ("All messages", "جميع الرسائل"),
    "stop_send": ("Stop these messages", "إيقاف هذه الرسائل"),
    "stopped_all": ("As you requested, we no longer send you messages.", "لم نعد نراسلكم بناءً على طلبكم."),
    "stopped": ("As you requested, you no longer receive:", "بناءً على طلبكم لم تعد تصلكم:"),
    "optional": ("optional", "اختياري"),
    "done_paid": ("Thank you. We will check and confirm the payment.", "شكرًا لكم. سنتحقق من الدفعة ونؤكدها."),
    "done_promise": (
        "Thank you. We have recorded the date and look forward to your payment.",
        "شكرًا لكم. سجّلنا الموعد ونحن بانتظار سدادكم.",
    ),
    "done_proposed": (
        "Thank you. We will review the date that you proposed and get back to you.",
        "شكرًا لكم. سنراجع الموعد الذي اقترحتموه ونرد عليكم.",
    ),
    "done_dispute": (
        "Thank you for telling us. Reminders about it are paused until the matter is settled.",
        "شكرًا لإبلاغنا. أوقفنا التذكيرات بشأنها إلى حين تسوية الأمر.",
    ),
    "done_stop": ("Done. You will no longer receive these messages.", "تم. لن تصلكم هذه الرسائل بعد الآن."),
    "wrong": (
        "Your reply was not sent. Please check the marked fields.",
        "تعذّر الإرسال. يرجى مراجعة الحقول المشار إليها.",
    ),
    "refused": (
        "This is no longer possible, because the invoice has changed. Please check the page again.",
        "لم يعد ذلك ممكنًا لأن حالة الفاتورة تغيّرت. يرجى مراجعة الصفحة من جديد.",
    ),
    "choose_open": (
        "Please choose at least one of the open invoices.",
        "يرجى اختيار فاتورة واحدة على الأقل من الفواتير المستحقة.",
    ),
    "private": (
        "This page is private: anyone who has its link can open it.",
        "هذه الصفحة خاصة بكم: يمكن لكل من لديه رابطها فتحها.",
    ),
    "expires": ("The link is valid until {date}.", "الرابط صالح حتى {date}."),
    "unsubscribe_title": ("Stop messages", "إيقاف الرسائل"),
    "unsubscribe_note": (
        "Stop messages from {sender} about open invoices to {address}? The open amount remains payable.",
        "هل تريدون إيقاف رسائل {sender} بشأن الفواتير المستحقة إلى {address}؟ يظل المبلغ مستحقًا.",
    ),
    "unsubscribe_send": ("Stop these messages", "إيقاف هذه الرسائل"),
    "unsubscribed": (
        "Done. {sender} will no longer send these messages to {address}.",
        "تم. لن يرسل {sender} هذه الرسائل إلى {address} بعد الآن.",
    ),
    "statement_title": ("Statement of account", "كشف حساب"),
    "statement_for": ("For", "إلى"),
    "statement_as_of": ("As of {date}", "حتى تاريخ {date}"),
    "date": ("Date", "التاريخ"),
    "entry": ("Entry", "البيان"),
    "charge": ("Invoiced", "فواتير"),
    "credit": ("Paid", "دفعات"),
    "balance": ("Balance", "الرصيد"),
    "brought_forward": ("Brought forward", "رصيد سابق"),
    "payment_for": ("Payment for invoice", "دفعة عن الفاتورة"),
    "reversal_for": ("Reversed payment for invoice", "عكس دفعة عن الفاتورة"),
    "no_entries": ("There are no entries.", "لا توجد حركات."),
    "part_overdue": ("Past due", "متأخر السداد"),
    "part_not_due": ("Not yet due", "لم يحن موعد استحقاقه"),
    "part_on_hold": ("On hold", "معلّق"),
    "part_disputed": ("Disputed", "محل اعتراض"),
    "part_credit": ("Less credit on account", "يُخصم رصيدكم الدائن"),
}
_ALL = {
    language: PageText(**{name: pair[place] for name, pair in _TEXTS.items()})
    for place, language in enumerate(("en", "ar"))
}


def of(language: str) -> PageText:
    return _ALL[language]
