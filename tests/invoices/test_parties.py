"""The party of an invoice: spellings of one name are equal, two legal forms are two parties."""

import pytest

from invoices.debtors import contacts, legal_forms, parties
from invoices.debtors.parties import Party


@pytest.mark.parametrize(
    "spellings",
    [
        ["Gulf Trading LLC", "GULF TRADING L.L.C.", "gulf-trading l l c", "Gulf  Trading, LLC.", "Gulf Trading (LLC)"],
        ["Gulf Trading LLC", "Gulf Trading Limited Liability Company", "Gulf Trading Co. LLC", "M/s. Gulf Trading LLC"],
        ["Ｇｕｌｆ　Ｔｒａｄｉｎｇ　ＬＬＣ", "\u200fGulf Trading\u200e LLC", "Gulf Trading\u00a0LLC"],
        ["الخليج للتجارة ذ.م.م", "شركة الخليج للتجاره ذ م م", "الخليج للتجارة ش.ذ.م.م.", "الخليـــج للتجارة ذ.م.م"],
        [
            "الخليج للتجارة ذ.م.م",
            "الخَلِيج للتِّجارة (ذات مسؤولية محدودة)",
            "الخليج للتجارة ذات مسئولية محدودة",
            "الخليج للتجارة LLC",
        ],
        ["أحمد الراشد", "احمد الراشد", "إحمد الراشد", "آحمد الراشد"],
        ["مصطفى علي", "مصطفي على", "مصطفی علی"],
        ["فرع ٢٣", "فرع 23", "فرع ۲۳"],
        ["مؤسسة النور", "النور - مؤسسة", "مؤسسه النور"],
        ["Al Noor Establishment", "Al Noor Est.", "AL-NOOR EST"],
        ["Gulf Trading FZ-LLC", "Gulf Trading FZ LLC", "Gulf Trading F.Z. L.L.C."],
        ["Gulf Trading FZE", "Gulf Trading F.Z.E.", "Gulf Trading Free Zone Establishment", "Gulf Trading م.م.ح"],
        ["Gulf Trading FZCO", "Gulf Trading FZ Co", "Gulf Trading Free Zone Company"],
        ["Emaar PJSC", "Emaar P.J.S.C.", "Emaar Public Joint Stock Company", "Emaar ش.م.ع"],
        ["Acme Ltd", "Acme Limited", "ACME LTD.", "Acme Co., Ltd."],
        ["Acme Pvt Ltd", "Acme Private Limited", "Acme (Pvt.) Ltd."],
        ["Acme Pty Ltd", "Acme Proprietary Limited"],
        ["Müller GmbH", "MÜLLER G.m.b.H.", "Müller Gesellschaft mit beschränkter Haftung"],
        ["Straße AG", "STRASSE AG", "Strasse Aktiengesellschaft"],
        ["Dupont SARL", "Dupont S.à r.l.", "Dupont S.A.R.L."],
        ["O'Neil Inc.", "ONeil Incorporated", "O’Neil, Inc"],
        ["İstanbul Ltd. Şti.", "ISTANBUL LTD STI"],
        ["Smith & Sons Ltd", "Smith and Sons Limited", "Smith &amp; Sons Ltd.", "SMITH&SONS LTD"],
        ["Müller & Söhne", "Müller und Söhne", "Müller and Söhne"],
        ["Müller GmbH & Co. KG", "Müller GmbH und Co KG", "MÜLLER GMBH & CO. KG", "Müller GmbH Co KG"],
        ["الخليج & الشرق", "الخليج والشرق", "الخليج و الشرق"],
        ["The Gulf Trading Co. LLC", "Gulf Trading LLC"],
        ["A1 Motors", "A 1 Motors", "A-1 Motors"],
    ],
)
def test_spellings_of_one_party_are_equal(spellings: list[str]) -> None:
    found = {spelling: parties.of("Somebody", spelling) for spelling in spellings}
    assert len(set(found.values())) == 1, found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Gulf Trading LLC", "Gulf Trading FZE"),
        ("Gulf Trading LLC", "Gulf Trading FZ-LLC"),
        ("Gulf Trading LLC", "Gulf Trading L.L.C-FZ"),
        ("Gulf Trading FZE", "Gulf Trading FZCO"),
        ("Gulf Trading FZCO", "Gulf Trading DMCC"),
        ("Gulf Trading LLC", "Gulf Trading W.L.L."),
        ("Gulf Trading LLC", "Gulf Trading Ltd"),
        ("Acme Ltd", "Acme Pvt Ltd"),
        ("Acme Ltd", "Acme Pty Ltd"),
        ("Acme Ltd", "Acme PLC"),
        ("Acme Inc", "Acme Corp"),
        ("Acme GmbH", "Acme AG"),
        ("Acme SARL", "Acme SAS"),
        ("Acme SAS", "Acme SA"),
        ("Acme BV", "Acme NV"),
        ("مؤسسة الخليج", "الخليج ذ.م.م"),
        ("الخليج ش.م.ع", "الخليج ذ.م.م"),
        ("Alpha LLC", "Beta LLC"),
        ("Alpha", "Alpha 2"),
        ("Café LLC", "Cafe LLC"),
        ("A+ Services", "A Services"),
        ("A & B Trading", "AB Trading"),
        ("Smith & Sons", "Smith Sons"),
        ("Smith & Co.", "Smith"),
        ("Müller AG & Co. KG", "Müller GmbH & Co. KG"),
        ("Müller GmbH & Co. KG", "Müller GmbH"),
        ("Unit 1-1 Owners", "Unit 11 Owners"),
        ("Tower 2, 13", "Tower 21 3"),
        ("مؤسسة الخليج للتجارة", "شركة الخليج للتجارة"),
        ("Al Noor Trading Est.", "Al Noor Trading Co."),
    ],
)
def test_other_names_and_other_forms_are_other_parties(one: str, other: str) -> None:
    first, second = parties.of("Somebody", one), parties.of("Somebody", other)
    assert not parties.is_same(first, second, {first.form, second.form} - {""})


def test_the_company_counts_and_without_one_the_name() -> None:
    assert parties.of("Ahmed", "Gulf LLC") == parties.of("Sara", "Gulf LLC")
    assert parties.of("Ahmed", "") != parties.of("Sara", "")
    for nothing in ("", "  ", "-", "N/A", "n.a.", "None", "—", "لا يوجد"):
        assert parties.of("Ahmed", nothing) == Party("ahmed"), nothing


@pytest.mark.parametrize("name", ["LLC", "Limited", "ذ.م.م", "شركة", "مؤسسة", "Co"])
def test_a_name_that_is_nothing_but_a_form_is_a_name(name: str) -> None:
    assert parties.of("x", name).base
    assert not parties.of("x", name).form


@pytest.mark.parametrize("name", ["شركة شمس", "Serenity Spa", "Sun & Co. Spa"])
def test_a_word_that_looks_like_an_abbreviation_is_a_word(name: str) -> None:
    assert parties.of("x", name).form in ("", legal_forms.COMPANY)


def test_a_company_is_the_name_without_a_form_until_an_establishment_of_that_name_is_known() -> None:
    bare, company, llc, est = (parties.of("x", name) for name in ("Noor", "Noor Co.", "Noor LLC", "Noor Est."))
    assert parties.is_same(bare, company, set())
    assert parties.is_same(company, llc, {"llc"})
    assert not parties.is_same(company, llc, {"llc", "fze"})
    assert not parties.is_same(company, est, {"est"})
    keys = [bare.key, company.key, est.key]
    assert parties.groups(keys, {bare.base: {"est", "company"}}) == {key: frozenset([key]) for key in keys}
    assert parties.are_ambiguous([company.key, llc.key]) == {"noor"}


def test_a_name_without_letters_is_told_from_another() -> None:
    assert parties.of("!!!", "").base
    assert parties.of("!!!", "") != parties.of("???", "")
    assert parties.of("🙂", "") != parties.of("🙃", "")


def test_the_key_fits_its_column_whatever_the_name() -> None:
    for name in ("ﷺ" * 200, "x" * 200, "ß" * 200, "|" * 200, "a|b LLC", "٣" * 200):
        key = parties.of(name, "").key
        assert len(key) <= parties.MAX_KEY
        assert Party.of_key(key) == parties.of(name, "")
    assert parties.of("x" * 199 + "ﷺ", "") != parties.of("x" * 199 + "ﷻ", "")


def test_a_name_without_a_form_is_the_same_only_while_one_form_is_known() -> None:
    bare, llc, fze = (parties.of("x", name) for name in ("Gulf", "Gulf LLC", "Gulf FZE"))
    assert parties.is_same(bare, llc, {"llc"})
    assert parties.is_same(bare, llc, set())
    assert not parties.is_same(bare, llc, {"llc", "fze"})
    assert not parties.is_same(llc, fze, {"llc", "fze"})
    assert parties.groups([bare.key, llc.key], {bare.base: {"llc"}}) == dict.fromkeys(
        [bare.key, llc.key], frozenset([bare.key, llc.key])
    )
    apart = parties.groups([bare.key, llc.key, fze.key], {bare.base: {"llc", "fze"}})
    assert apart == {key: frozenset([key]) for key in (bare.key, llc.key, fze.key)}


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        (" Books@Gulf.AE ", "books@gulf.ae"),
        ("books@gulf.ae.", "books@gulf.ae"),
        ("books@gulf.ae\u200f", "books@gulf.ae"),
        ("\ufeffbooks@gulf.ae\u00a0", "books@gulf.ae"),
        ("ｂｏｏｋｓ@ｇｕｌｆ.ａｅ", "books@gulf.ae"),
        ("Info@MÜLLER.de", "info@xn--mller-kva.de"),
        ("info@xn--mller-kva.de", "info@xn--mller-kva.de"),
        ("Bücher@müller.de", "bücher@xn--mller-kva.de"),
        ("first.last+tag@gmail.com", "first.last+tag@gmail.com"),
        ("firstlast@gmail.com", "firstlast@gmail.com"),
        ("", ""),
        ("nobody", "nobody"),
    ],
)
def test_an_address_has_one_spelling(given: str, normal: str) -> None:
    assert contacts.normalise_email(given) == normal
    assert contacts.normalise_email(normal) == normal


@pytest.mark.parametrize(
    "domain",
    [
        *("gmail.com", "outlook.com", "hotmail.co.uk", "yahoo.com", "yahoo.ae", "icloud.com", "eim.ae", "mail.ru"),
        *("emirates.net.ae", "batelco.com.bh", "qq.com", "vip.qq.com", "gmx.at", "web.de", "orange.fr"),
        *("live.com.au", "uol.com.br"),
    ],
)
def test_a_public_mail_host_says_nothing(domain: str) -> None:
    assert contacts.own_domain_of(f"a@{domain}") == ""


@pytest.mark.parametrize("domain", ["gulf.ae", "live.gulf.com", "mygmail.com", "outlook-group.com", "yahoo.gulf.ae"])
def test_a_domain_of_ones_own_says_whose_it_is(domain: str) -> None:
    assert contacts.own_domain_of(f"a@{domain}") == domain
