"""Codes of languages: one spelling for what settings and columns of files say.

That is the code of ISO 639-1, where a language has one, else that of ISO 639-3: what measure finds in texts.
"""

import re
from functools import lru_cache

TWO_LETTERS = """
aa aar Afar|ab abk Abkhazian|ae ave Avestan|af afr Afrikaans|ak aka Akan|am amh Amharic|an arg Aragonese|
ar ara Arabic|as asm Assamese|av ava Avaric|ay aym Aymara|az aze Azerbaijani|ba bak Bashkir|be bel Belarusian|
bg bul Bulgarian|bi bis Bislama|bm bam Bambara|bn ben Bengali|bo bod tib Tibetan|br bre Breton|bs bos Bosnian|
ca cat Catalan|ce che Chechen|ch cha Chamorro|co cos Corsican|cr cre Cree|cs ces cze Czech|
cu chu Church Slavonic|cv chv Chuvash|cy cym wel Welsh|da dan Danish|de deu ger German|dv div Dhivehi|
dz dzo Dzongkha|ee ewe Ewe|el ell gre Greek|en eng English|eo epo Esperanto|es spa Spanish|et est Estonian|
eu eus baq Basque|fa fas per Persian|ff ful Fulah|fi fin Finnish|fj fij Fijian|fo fao Faroese|
fr fra fre French|fy fry Western Frisian|ga gle Irish|gd gla Scottish Gaelic|gl glg Galician|gn grn Guarani|
gu guj Gujarati|gv glv Manx|ha hau Hausa|he heb iw Hebrew|hi hin Hindi|ho hmo Hiri Motu|hr hrv Croatian|
ht hat Haitian|hu hun Hungarian|hy hye arm Armenian|hz her Herero|ia ina Interlingua|id ind in Indonesian|
ie ile Interlingue|ig ibo Igbo|ii iii Sichuan Yi|ik ipk Inupiaq|io ido Ido|is isl ice Icelandic|
it ita Italian|iu iku Inuktitut|ja jpn Japanese|jv jav Javanese|ka kat geo Georgian|kg kon Kongo|
ki kik Kikuyu|kj kua Kuanyama|kk kaz Kazakh|kl kal Kalaallisut|km khm Khmer|kn kan Kannada|ko kor Korean|
kr kau Kanuri|ks kas Kashmiri|ku kur Kurdish|kv kom Komi|kw cor Cornish|ky kir Kyrgyz|la lat Latin|
lb ltz Luxembourgish|lg lug Ganda|li lim Limburgish|ln lin Lingala|lo lao Lao|lt lit Lithuanian|
lu lub Luba-Katanga|lv lav Latvian|mg mlg Malagasy|mh mah Marshallese|mi mri mao Maori|mk mkd mac Macedonian|
ml mal Malayalam|mn mon Mongolian|mr mar Marathi|ms msa may Malay|mt mlt Maltese|my mya bur Burmese|
na nau Nauru|nb nob Norwegian Bokmål|nd nde North Ndebele|ne nep Nepali|ng ndo Ndonga|nl nld dut Dutch|
nn nno Norwegian Nynorsk|no nor Norwegian|nr nbl South Ndebele|nv nav Navajo|ny nya Chichewa|oc oci Occitan|
oj oji Ojibwa|om orm Oromo|or ori Odia|os oss Ossetian|pa pan Punjabi|pi pli Pali|pl pol Polish|
ps pus Pashto|pt por Portuguese|qu que Quechua|rm roh Romansh|rn run Rundi|ro ron rum Romanian|
ru rus Russian|rw kin Kinyarwanda|sa san Sanskrit|sc srd Sardinian|sd snd Sindhi|se sme Northern Sami|
sg sag Sango|sh hbs Serbo-Croatian|si sin Sinhala|sk slk slo Slovak|sl slv Slovenian|sm smo Samoan|
sn sna Shona|so som Somali|sq sqi alb Albanian|sr srp Serbian|ss ssw Swati|st sot Southern Sotho|
su sun Sundanese|sv swe Swedish|sw swa Swahili|ta tam Tamil|te tel Telugu|tg tgk Tajik|th tha Thai|
ti tir Tigrinya|tk tuk Turkmen|tl tgl Tagalog|tn tsn Tswana|to ton Tonga|tr tur Turkish|ts tso Tsonga|
tt tat Tatar|tw twi Twi|ty tah Tahitian|ug uig Uyghur|uk ukr Ukrainian|ur urd Urdu|uz uzb Uzbek|
ve ven Venda|vi vie Vietnamese|vo vol Volapük|wa wln Walloon|wo wol Wolof|xh xho Xhosa|yi yid ji Yiddish|
yo yor Yoruba|za zha Zhuang|zh zho chi cmn Chinese|zu zul Zulu
"""
"""ISO 639-1, then the codes of 639-2 and others for the same language, then its name."""

THREE_LETTERS = (
    "als arz ast azb bar bcl bpy bxr cbk ceb ckb diq dsb dty eml fil frr gom gsw hak hif hsb ilo jbo krc lez "
    "lmo lrc lzh mai mhr min mrj mwl myv mzn nah nan nap nds new pam pfl pms pnb rue sah scn sco tyv vec vep "
    "vls war wuu xal xmf yue"
)
"""Languages without a code of two letters that the model of measure tells apart; more kinds of Chinese."""

NAMES = {
    **dict.fromkeys(("中文", "汉语", "漢語", "普通话", "mandarin", "mandarin chinese"), "zh"),
    **dict.fromkeys(("simplified chinese", "traditional chinese"), "zh"),
    **dict.fromkeys(("英文", "英语", "英語"), "en"),
    "cantonese": "yue",
    "farsi": "fa",
    "bokmål": "nb",
    "nynorsk": "nn",
    "bh": "bh",
}
"""Other names of some of them, and a code that ISO 639 gave up and the model still has."""

UNDETERMINED = "und"
"""ISO 639 for a text of which nothing could tell the language."""
UNKNOWN = ("", UNDETERMINED, "unknown", "mul", "mis", "zxx", "none", "null", "n/a")
"""What says that the language is not known, that there are several, or none."""

SPELLINGS: dict[str, str] = {code: code for code in THREE_LETTERS.split()} | NAMES
for _entry in TWO_LETTERS.replace("\n", "").split("|"):
    _codes, _name = re.findall(r"((?:[a-z]+ )+)(.+)", _entry)[0]
    _code, *_others = _codes.split()
    SPELLINGS |= dict.fromkeys((_code, *_others, _name.lower()), _code)


@lru_cache(1 << 12)
def language_code(spelt: str) -> str | None:
    """The code for ``en``, ``eng``, ``en-US``, ``zh_CN.UTF-8``, ``chi`` or ``English``; None for ``und``.

    Region and script are left out: which of them a text has, the text tells.

    Raises:
        ValueError: it is no language that we know. The message says what to write.
    """
    name = " ".join(spelt.split()).lower()
    if name in UNKNOWN:
        return None
    # BCP 47 and POSIX: subtags after - or _, an encoding after a dot.
    for known in (name, re.split(r"[-_.@(]", name)[0].strip()):
        if known in SPELLINGS:
            return SPELLINGS[known]
    raise ValueError(f"{spelt[:40]!r} is no language that is known; use a code of ISO 639 such as zh or en")
