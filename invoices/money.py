"""Amounts: decimals inside, exact to the currency's exponent, JSON numbers in major units outside."""

from decimal import Decimal

# ISO 4217 list one, active codes of countries and the exponents other than 2. Our own table: CLDR's digits, which
# formatting libraries carry, differ from ISO's for some codes.
_EXPONENTS_OTHER_THAN_2 = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
_CODES = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP"
    " CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG"
    " HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL"
    " MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR"
    " RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD"
    " TZS UAH UGX USD UYI UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
EXPONENTS: dict[str, int] = {code: _EXPONENTS_OTHER_THAN_2.get(code, 2) for code in _CODES.split()}


def decimals(amount: Decimal) -> int:
    """Return the number of decimals needed to write `amount`: 2.50 needs one."""
    exponent = amount.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def digits(amount: Decimal) -> int:
    """Return the number of digits needed to write `amount`: 2.50 needs two."""
    return max(amount.adjusted() + 1, 1) + decimals(amount)


def exact(amount: Decimal, currency: str) -> Decimal:
    """The same, written with the currency's decimals: 2.500 AED as 2.50."""
    return amount.quantize(Decimal(1).scaleb(-EXPONENTS.get(currency, 2)))


def display(amount: Decimal, currency: str) -> str:
    """For people: `AED 25,000.00`, Latin digits in every language."""
    return f"{currency} {figure(amount, currency)}"


def figure(amount: Decimal, currency: str) -> str:
    """The same where the currency is told elsewhere: `25,000.00`."""
    return f"{amount:,.{EXPONENTS.get(currency, 2)}f}"
