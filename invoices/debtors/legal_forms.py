"""Legal forms of companies and their spellings.

Different forms are different parties, even if one is a translation of the other: an LLC in Dubai and a W.L.L. in
Bahrain are two companies. ذ.م.م is read as LLC.

Spellings are written without dots and spaces, so that "l.l.c", "L L C" and "LLC" are equal. Abbreviations that are also
ordinary words (شمس, "spa") are recognised only if their letters are separated.
"""

# Each form with its other spellings.
_FORMS: dict[str, str] = {
    # The Gulf and its neighbours.
    "llc": "limitedliabilitycompany limitedliabilityco ltdliabilitycompany ltdliabilityco ذمم شذمم"
    " ذاتمسؤوليةمحدودة ذاتمسئوليةمحدودة ذاتالمسؤوليةالمحدودة ذاتالمسئوليةالمحدودة مسؤوليةمحدودة مسئوليةمحدودة",
    "wll": "withlimitedliability companywithlimitedliability",
    "fze": "freezoneestablishment freezoneest مؤسسةمنطقةحرة منشأةمنطقةحرة مؤسسةالمنطقةالحرة",
    "fzco": "fzc fzcompany freezonecompany freezoneco شركةمنطقةحرة شركةالمنطقةالحرة",
    "fzllc": "freezonellc freezonelimitedliabilitycompany منطقةحرةذمم مؤسسةمنطقةحرةذمم شركةمنطقةحرةذمم",
    "llcfz": "llcfreezone ذمممنطقةحرة",
    "llcspc": "llcsoc llcopc soleproprietorshipllc شركةالشخصالواحدذمم شخصواحدذمم ذمممنشخصواحد",
    "pjsc": "publicjointstockcompany publicjsc شركةمساهمةعامة مساهمةعامة",
    "prjsc": "privatejointstockcompany privatejsc pvtjsc شركةمساهمةخاصة مساهمةخاصة",
    "jsc": "jointstockcompany شركةمساهمة مساهمة",
    "sjsc": "saudijointstockcompany شركةمساهمةسعودية مساهمةسعودية",
    "cjsc": "closedjointstockcompany شركةمساهمةمقفلة مساهمةمقفلة",
    "saog": "شركةمساهمةعمانيةعامة",
    "saoc": "شركةمساهمةعمانيةمقفلة",
    "bsc": "bahrainshareholdingcompany شركةمساهمةبحرينية",
    "bscc": "bscclosed شركةمساهمةبحرينيةمقفلة",
    "ksc": "شركةمساهمةكويتية",
    "kscc": "kscclosed",
    "kscp": "kscpublic",
    "qsc": "شركةمساهمةقطرية",
    "qpsc": "qpublicsc",
    "sae": "شركةمساهمةمصرية",
    "sal": "شركةمساهمةلبنانية",
    "spc": "opc solepersoncompany singlepersoncompany onepersoncompany شركةالشخصالواحد شخصواحد",
    "est": "establishment soleestablishment مؤسسة مؤسسةفردية",
    "soleproprietorship": "soleproprietor soletrader",
    "civilcompany": "شركةمدنية شركةأعمالمهنية",
    # English.
    "ltd": "limited companyltd companylimited المحدودة محدودة شركةمحدودة",
    "pvtltd": "privatelimited privateltd pvtlimited pltd pvt",
    "pteltd": "ptelimited pte",
    "ptyltd": "ptylimited proprietarylimited pty",
    "plc": "publiclimitedcompany",
    "llp": "limitedliabilitypartnership",
    "lp": "limitedpartnership",
    "inc": "incorporated",
    "corp": "corporation",
    "cic": "communityinterestcompany",
    "dac": "designatedactivitycompany",
    "clg": "companylimitedbyguarantee",
    # Other languages.
    "gmbh": "gesmbh mbh gesellschaftmitbeschränkterhaftung",
    "gmbhcokg": "gmbh&cokg gmbh&companykg",
    "gmbhco": "gmbh&co",
    "agcokg": "ag&cokg",
    "agcokgaa": "ag&cokgaa",
    "gmbhcokgaa": "gmbh&cokgaa",
    "ugcokg": "ug&cokg ughaftungsbeschränkt&cokg",
    "ag": "aktiengesellschaft",
    "kg": "kommanditgesellschaft",
    "ohg": "offenehandelsgesellschaft",
    "ug": "ughaftungsbeschränkt unternehmergesellschafthaftungsbeschränkt",
    "ek": "ekfm ekfr",
    "sarl": "sàrl sociétéàresponsabilitélimitée",
    "sas": "sociétéparactionssimplifiée",
    "sa": "sociétéanonyme sociedadanónima sociedadeanônima",
    "sl": "sociedadlimitada sociedadderesponsabilidadlimitada",
    "slu": "slunipersonal",
    "srl": "srldecv",
    "lda": "limitada",
    "bv": "beslotenvennootschap",
    "nv": "naamlozevennootschap",
    "ab": "aktiebolag",
    "as": "aksjeselskap aktieselskab",
    "aps": "anpartsselskab",
    "oy": "osakeyhtiö",
    "aş": "anonimşirketi",
    "ltdşti": "ltdsti limitedşirketi",
    "spzoo": "spółkazoo",
    "ооо": "ooo",
    "sdnbhd": "sendirianberhad",
    "bhd": "berhad",
    "株式会社": "kabushikikaisha",
    "合同会社": "godokaisha",
}
# Forms without other spellings.
_SIMPLE_FORMS = (
    "dmcc dmccllc dwcllc lllp pllc kgaa ev sasu eurl snc sadecv srls ltda eireli vof bvba sprl asa oyj"
    " sro kft doo eood ood оао пао зао 有限公司 股份有限公司 בעמ"
)
# Abbreviations that are recognised only with separated letters, and their forms.
LETTERS: dict[str, str] = {
    "ممح": "fze",
    "شمح": "fzco",
    "ذمممح": "llcfz",
    "مدمس": "dmcc",
    "شمع": "pjsc",
    "شمخ": "prjsc",
    "شمس": "sjsc",
    "شمعع": "saog",
    "شمعم": "saoc",
    "شمب": "bsc",
    "شمبم": "bscc",
    "شمك": "ksc",
    "شمكم": "kscc",
    "شمكع": "kscp",
    "شمق": "qsc",
    "شمقع": "qpsc",
    "شمم": "sae",
    "شمل": "sal",
    "ششو": "spc",
    "spa": "spa",
    "kk": "株式会社",
}
# Forms that may also come before the name.
BEFORE = frozenset({"est", "ооо", "оао", "пао", "зао", "株式会社", "合同会社"})
# The form of "Gulf Trading Co.". It is ignored beside another form ("Gulf Trading Co. LLC") and equal to no form, but
# differs from an establishment, which belongs to one person.
COMPANY = "company"
OF_ONE_PERSON = frozenset({"est", "soleproprietorship"})
# Words that are not part of the name.
GENERIC_AFTER = ("co", "company", "شركة")
GENERIC_BEFORE = ("شركة", "السادة", "messrs", "the")

WHOLE: dict[str, str] = {form: form for form in _SIMPLE_FORMS.split()} | {
    spelling: form for form, spellings in _FORMS.items() for spelling in (form, *spellings.split())
}
