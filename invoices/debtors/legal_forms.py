"""Legal forms of companies, in the spellings that invoices use.

A form is named by its first spelling. Spellings of one form are equal; two forms are two parties, also where lawyers
would translate one by the other: an LLC of Dubai and a W.L.L. of Bahrain are two companies. ذ.م.م is read as LLC.

Spellings stand without dots and spaces: "l.l.c", "L L C" and "LLC" are one. Abbreviations that are also ordinary words
("Sun" in Arabic, "spa") count only where their letters stand apart.
"""

# Form: its spellings.
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
    "dmcc": "",
    "dmccllc": "",
    "dwcllc": "",
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
    "lllp": "",
    "lp": "limitedpartnership",
    "inc": "incorporated",
    "corp": "corporation",
    "pllc": "",
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
    "kgaa": "",
    "ohg": "offenehandelsgesellschaft",
    "ug": "ughaftungsbeschränkt unternehmergesellschafthaftungsbeschränkt",
    "ek": "ekfm ekfr",
    "ev": "",
    "sarl": "sàrl sociétéàresponsabilitélimitée",
    "sas": "sociétéparactionssimplifiée",
    "sasu": "",
    "eurl": "",
    "snc": "",
    "sa": "sociétéanonyme sociedadanónima sociedadeanônima",
    "sl": "sociedadlimitada sociedadderesponsabilidadlimitada",
    "slu": "slunipersonal",
    "sadecv": "",
    "srl": "srldecv",
    "srls": "",
    "lda": "limitada",
    "ltda": "",
    "eireli": "",
    "bv": "beslotenvennootschap",
    "nv": "naamlozevennootschap",
    "vof": "",
    "bvba": "",
    "sprl": "",
    "ab": "aktiebolag",
    "as": "aksjeselskap aktieselskab",
    "asa": "",
    "aps": "anpartsselskab",
    "oy": "osakeyhtiö",
    "oyj": "",
    "aş": "anonimşirketi",
    "ltdşti": "ltdsti limitedşirketi",
    "spzoo": "spółkazoo",
    "sro": "",
    "kft": "",
    "doo": "",
    "eood": "",
    "ood": "",
    "ооо": "ooo",
    "оао": "",
    "пао": "",
    "зао": "",
    "sdnbhd": "sendirianberhad",
    "bhd": "berhad",
    "株式会社": "kabushikikaisha",
    "合同会社": "godokaisha",
    "有限公司": "",
    "股份有限公司": "",
    "בעמ": "",
}
# Abbreviations that are forms only with their letters apart: the letters, and the form.
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
# They stand before the name as well as after it.
BEFORE = frozenset({"est", "ооо", "оао", "пао", "зао", "株式会社", "合同会社"})
# What "Gulf Trading Co." is: no form beside another ("Gulf Trading Co. LLC" is "Gulf Trading LLC"), and the same as no
# form, but another party than an establishment, which belongs to one person.
COMPANY = "company"
OF_ONE_PERSON = frozenset({"est", "soleproprietorship"})
# No part of the name.
GENERIC_AFTER = ("co", "company", "شركة")
GENERIC_BEFORE = ("شركة", "السادة", "messrs", "the")

WHOLE: dict[str, str] = {
    spelling: form for form, spellings in _FORMS.items() for spelling in (form, *spellings.split())
}
