"""Addresses that one person reads for several debtors. The contact limits apply to them too."""

from communications.models import Address, Medium
from communications.schedule import replanning
from inflow.accounts import audit
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account


def set_reader(record: Address, actor: Actor, *, has_one: bool) -> None:
    """Store whether one person reads the address, and reschedule the account's messages in the background."""
    if record.has_one_reader == has_one:
        return
    record.has_one_reader = has_one
    record.save(update_fields=["has_one_reader"])
    what = "address.has_one_reader" if has_one else "address.has_several_readers"
    audit.record(record.account, actor.name, what, str(record)[:120])
    replanning.request([record.account_id])


def set_one_reader(account: Account, address: str, actor: Actor) -> None:
    """Store that one person reads a normalised email or phone on all channels."""
    for channel in (Medium.EMAIL,) if "@" in address else (Medium.SMS, Medium.WHATSAPP):
        record, _ = Address.objects.get_or_create(account=account, channel=channel, address=address)
        record.account = account
        set_reader(record, actor, has_one=True)
