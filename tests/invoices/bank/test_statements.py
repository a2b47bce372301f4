"""One movement of money is one line, however often and in which order statements show it."""

import itertools
import random
from decimal import Decimal

import pytest

from inflow.accounts.models import Account
from invoices.bank.statements import gap, with_gaps
from invoices.models.bank import BankLine, BankStatement, BankStatementLine
from tests import make
from tests.invoices.bank.samples import mt940, sample, table
from tests.invoices.bank.uploads import keys, lines, upload

pytestmark = pytest.mark.django_db
SAME = (4, "C500,00", "RENT")


@pytest.fixture
def account(db: None) -> Account:
    return make.account()


def gaps(account: Account) -> list[Decimal | None]:
    found = with_gaps(BankStatement.objects.for_account(account)).order_by("from_date", "created_at")
    return [gap(statement) for statement in found]


@pytest.mark.parametrize("name", ["german.sta", "emirates.sta", "camt_v08.xml", "camt_v02.xml", "gulf.csv"])
def test_the_same_file_twice_changes_nothing(account: Account, name: str) -> None:
    first = upload(account, sample(name))
    before = keys(account), BankStatement.objects.count()
    second = upload(account, sample(name))
    assert first.added == first.lines > 0
    assert (second.statements, second.added) == (0, 0)
    assert (keys(account), BankStatement.objects.count()) == before


def test_two_equal_payments_of_a_day_are_two_lines(account: Account) -> None:
    upload(account, mt940([SAME, SAME]))
    assert [line.ordinal for line in lines(account)] == [1, 2]


def test_equal_transactions_of_a_batch_are_two_lines(account: Account) -> None:
    upload(account, sample("camt_v08.xml"))
    assert [line.ordinal for line in lines(account) if line.text == "advance"] == [1, 2]


def test_the_same_payment_on_another_day_is_another_line(account: Account) -> None:
    upload(account, mt940([SAME, (5, "C500,00", "RENT")]))
    assert len(lines(account)) == 2


def test_two_accounts_have_lines_of_their_own(account: Account) -> None:
    upload(account, mt940([SAME]))
    upload(account, mt940([SAME], account="AE460090000000123456789"))
    other = make.account("Other")
    upload(other, mt940([SAME]))
    assert (len(lines(account)), len(lines(other))) == (2, 1)


def test_an_export_that_overlaps_adds_only_the_days_and_payments_that_are_new(account: Account) -> None:
    upload(account, table([(2, "a", "5.00"), (3, "b", "6.00")]))
    added = upload(account, table([(3, "b", "6.00"), (3, "b", "6.00"), (4, "c", "7.00")]))
    assert added.added == 2
    assert [(line.text, line.ordinal) for line in lines(account)] == [("a", 1), ("b", 1), ("b", 2), ("c", 1)]


def test_the_parts_of_a_day_show_different_payments_though_they_look_alike(account: Account) -> None:
    upload(account, mt940([SAME], opening="100,00", number="7/1"))
    upload(account, mt940([SAME], opening="1100,00", number="7/3"))
    upload(account, mt940([SAME], opening="600,00", number="7/2"))
    assert [line.ordinal for line in lines(account)] == [1, 2, 3]


def test_statements_of_a_day_that_continue_each_others_balance_show_different_payments(account: Account) -> None:
    upload(account, mt940([SAME], opening="100,00", number="7"))
    upload(account, mt940([SAME], opening="600,00", number="8"))
    upload(account, mt940([SAME], opening="1100,00", number="9"))
    assert [line.ordinal for line in lines(account)] == [1, 2, 3]


def test_a_days_and_a_months_statement_show_the_same_payments(account: Account) -> None:
    upload(account, mt940([SAME], opening="100,00", number="7"))
    upload(account, mt940([(2, "C50,00", "x"), SAME, (9, "C1,00", "y")], opening="50,00", number="1"))
    assert len(lines(account)) == 3


def test_every_statement_shows_its_own_lines(account: Account) -> None:
    upload(account, mt940([SAME], opening="100,00", number="7"))
    upload(account, mt940([(2, "C50,00", "x"), SAME], opening="50,00", number="1"))
    shown = BankStatementLine.objects.order_by("statement__from_date", "position")
    assert [row.line.text for row in shown.select_related("line")] == ["x", "RENT", "RENT"]


def parts(rest: list[tuple[int, str, str]]) -> list[str]:
    """Statements of a week as a bank may send them: of parts of a day, of days, of the week, and two exports."""
    day = [SAME, SAME, SAME]
    opening = Decimal(100)
    before = sum((Decimal(money[1:].replace(",", ".")) for _day, money, _text in rest if _day < 4), Decimal(0))

    def shown(amount: Decimal) -> str:
        return f"{amount:.2f}".replace(".", ",")

    start = opening + before
    early, late = [each for each in rest if each[0] < 4], [each for each in rest if each[0] > 4]
    return [
        mt940(day[:1], opening=shown(start), number="40/1"),
        mt940(day[1:2], opening=shown(start + 500), number="40/2"),
        mt940(day[2:], opening=shown(start + 1000), number="40/3"),
        mt940([*early, *day, *late], opening=shown(opening), number="W9"),
        mt940([*early, *day], opening=shown(opening), number="H1"),
        mt940(day, opening=shown(start), number="D4"),
    ]


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_overlapping_statements_gives_the_same_lines(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    rest = [(chance.choice([2, 3, 5, 6]), f"C{chance.randint(1, 3)}0,00", chance.choice("ab")) for _ in range(5)]
    rest.sort()
    uploads = parts(rest)
    orders = [list(order) for order in itertools.permutations(range(6))]
    chance.shuffle(orders)
    found = set()
    for order in orders[:5]:
        account = make.account()
        for place in order:
            upload(account, uploads[place])
        found.add(tuple(keys(account)))
    assert len(found) == 1
    assert len(next(iter(found))) == len(rest) + 3


def test_any_order_of_overlapping_exports_gives_the_same_lines() -> None:
    chance = random.Random(7)  # noqa: S311
    rows = sorted((chance.randint(1, 9), chance.choice("ab"), f"{chance.randint(1, 2)}.00") for _ in range(30))
    periods = ((1, 4), (3, 7), (6, 9), (1, 9))
    exports = [table([row for row in rows if first <= row[0] <= last]) for first, last in periods]
    found = set()
    for order in itertools.permutations(exports):
        account = make.account()
        for content in order:
            upload(account, content)
        found.add(tuple(keys(account)))
    assert len(found) == 1
    assert len(next(iter(found))) == 30


# --- Gaps --------------------------------------------------------------------------------------------------------


def test_statements_that_follow_each_other_have_no_gap(account: Account) -> None:
    upload(account, sample("german.sta"))
    upload(account, sample("emirates.sta"))
    assert gaps(account) == [None] * 4


def test_a_missing_statement_is_shown_as_the_amount_between_the_balances(account: Account) -> None:
    upload(account, mt940([(2, "C50,00", "x")], opening="100,00", number="1"))
    upload(account, mt940([(6, "C1,00", "z")], opening="180,00", number="3"))
    assert gaps(account) == [None, Decimal(30)]
    upload(account, mt940([(4, "C30,00", "y")], opening="150,00", number="2"))
    assert gaps(account) == [None, None, None]


def test_a_statement_within_another_has_no_gap(account: Account) -> None:
    upload(account, mt940([(1, "C50,00", "x"), (4, "C5,00", "w"), (9, "C1,00", "z")], opening="100,00", number="M"))
    upload(account, mt940([(4, "C5,00", "w")], opening="150,00", number="D"))
    assert gaps(account) == [None, None]


def test_exports_without_balances_have_no_gap(account: Account) -> None:
    upload(account, table([(2, "a", "5.00")]))
    upload(account, table([(8, "b", "5.00")]))
    assert gaps(account) == [None, None]


def test_lines_that_do_not_add_up_to_the_balance_are_shown(account: Account) -> None:
    upload(account, mt940([(2, "C50,00", "x")], opening="100,00", closing="170,00"))
    assert BankStatement.objects.get(account=account).unexplained == Decimal(20)


def test_a_line_of_zero_is_not_stored(account: Account) -> None:
    upload(account, mt940([(2, "C0,00", "x"), (2, "C1,00", "y")]))
    assert BankLine.objects.for_account(account).count() == 1
