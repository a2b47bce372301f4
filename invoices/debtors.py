"""Finding or making the debtor an invoice speaks of."""

import hashlib

import phonenumbers
from django.db.models import Q

from inflow.accounts.models import Account
from invoices.models import Debtor

_MAX_IDENTITY = 520


class BadPhone(ValueError):
    """No phone number that exists in form."""


def normalise_email(text: str) -> str:
    return text.strip().lower()


def normalise_phone(text: str, country: str) -> str:
    """To E.164, `+971501234567`. A number without a country code is read as one of `country` (ISO 3166)."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException as error:
        raise BadPhone(text) from error
    if not phonenumbers.is_possible_number(number):
        raise BadPhone(text)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def find_or_make(account: Account, *, name: str, company: str, email: str, phone: str) -> Debtor:
    """By normalised email, else phone, else name and company. Two parallel calls get the same row."""
    if email:
        known, identity = Q(email=normalise_email(email)), f"email:{normalise_email(email)}"
    elif phone:
        known, identity = Q(phone=phone), f"phone:{phone}"
    else:
        identity = f"name:{name.strip().casefold()}|{company.strip().casefold()}"
        if len(identity) > _MAX_IDENTITY:  # folding makes up to three characters of one
            identity = f"name:{hashlib.sha256(identity.encode()).hexdigest()}"
        known = Q(identity=identity)
    debtor = Debtor.objects.for_account(account).filter(known).order_by("created_at").first()
    if debtor is None:
        Debtor.objects.bulk_create(
            [
                Debtor(
                    account=account,
                    identity=identity,
                    name=name,
                    company=company,
                    email=normalise_email(email),
                    phone=phone,
                )
            ],
            ignore_conflicts=True,
        )
        debtor = Debtor.objects.get(account=account, identity=identity)
    return debtor
