"""Amounts of money: `Decimal` in the code, numbers in major units in JSON."""

from decimal import Decimal

# Active country codes of ISO 4217 list one, and the exponents other than 2. Formatting libraries use CLDR's digits,
# which differ from ISO's for some codes.
_WITHOUT_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_CODES = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP"
    " CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG"
    " HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL"
    " MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR"
    " RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD"
    " TZS UAH UGX USD UYI UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
EXPONENTS: dict[str, int] = {
    **dict.fromkeys(_CODES.split(), 2),
    **dict.fromkeys(_WITHOUT_DECIMALS.split(), 0),
    **dict.fromkeys(_THREE_DECIMALS.split(), 3),
}
CODES = sorted(EXPONENTS)


def decimals(amount: Decimal) -> int:
    """Return the number of decimals needed to write `amount`: 2.50 needs one."""
    exponent = amount.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def digits(amount: Decimal) -> int:
    """Return the number of digits needed to write `amount`: 2.50 needs two."""
    return max(amount.adjusted() + 1, 1) + decimals(amount)


def quantize(amount: Decimal, currency: str) -> Decimal:
    """Return the amount with the currency's number of decimals: 2.500 AED becomes 2.50."""
    return amount.quantize(Decimal(1).scaleb(-EXPONENTS.get(currency, 2)))


def display(amount: Decimal, currency: str) -> str:
    """Return the amount with its currency, such as "AED 25,000.00", with Latin digits in every language."""
    return f"{currency} {format_number(amount, currency)}"


def format_number(amount: Decimal, currency: str) -> str:
    """Return the amount without its currency, such as "25,000.00"."""
    return f"{amount:,.{EXPONENTS.get(currency, 2)}f}"
