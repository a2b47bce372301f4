"""Words by which debtors are searched, as the index contains them."""

from django.contrib.postgres.search import SearchVectorField
from django.db.models import Func

# Letters and digits with several spellings, their common spellings, and marks that are ignored.
FOLDED = ("أإآٱىة٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "ااااي" + "ه" + "0123456789" * 2)
IGNORED = "\u0640\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652\u0670"
# Separators of words. The ranges are those of ASCII, so that the rules of a locale do not matter.
SEPARATORS = "[ -/:-@\\[-`{-~\u060c\u061b]+"

# The words of name, company and email, "@" with the account, and "#" with the phone number backwards. The named
# arguments have the order in which a migration writes them, or makemigrations would see a change.
WORDS = Func(
    Func(
        Func("name", "company", "email", arg_joiner=" || ' ' || ", template="%(expressions)s"),
        template=(
            "array_remove(regexp_split_to_array("
            f"translate(lower(%(expressions)s), '{FOLDED[0]}{IGNORED}', '{FOLDED[1]}'), '{SEPARATORS}'), '')"
        ),
    ),
    Func("account", template="('@' || %(expressions)s::text)"),
    Func("phone", template="('#' || reverse(%(expressions)s))"),
    arg_joiner=" || ",
    output_field=SearchVectorField(),
    template="array_to_tsvector(%(expressions)s)",
)
