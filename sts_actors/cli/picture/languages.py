"""What a container calls a language: ISO 639-2, three letters, for the tags that people speak of."""

UNKNOWN = "und"


def _pairs(table: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in table.split())


# ISO 639-1 to ISO 639-2/T: what recognisers and translators serve today.
_TERMINOLOGICAL = _pairs(
    "af=afr am=amh ar=ara as=asm az=aze ba=bak be=bel bg=bul bn=ben bo=bod br=bre bs=bos ca=cat cs=ces "
    "cy=cym da=dan de=deu el=ell en=eng eo=epo es=spa et=est eu=eus fa=fas fi=fin fo=fao fr=fra fy=fry "
    "ga=gle gd=gla gl=glg gu=guj ha=hau he=heb hi=hin hr=hrv ht=hat hu=hun hy=hye id=ind ig=ibo is=isl "
    "it=ita iw=heb ja=jpn jv=jav jw=jav ka=kat kk=kaz km=khm kn=kan ko=kor ku=kur ky=kir la=lat lb=ltz "
    "ln=lin lo=lao lt=lit lv=lav mg=mlg mi=mri mk=mkd ml=mal mn=mon mr=mar ms=msa mt=mlt my=mya nb=nob "
    "ne=nep nl=nld nn=nno no=nor oc=oci om=orm pa=pan pl=pol ps=pus pt=por ro=ron ru=rus rw=kin sa=san "
    "sd=snd si=sin sk=slk sl=slv sn=sna so=som sq=sqi sr=srp st=sot su=sun sv=swe sw=swa ta=tam te=tel "
    "tg=tgk th=tha ti=tir tk=tuk tl=tgl tn=tsn tr=tur tt=tat ug=uig uk=ukr ur=urd uz=uzb vi=vie wo=wol "
    "xh=xho yi=yid yo=yor zh=zho zu=zul"
)

# Where the bibliographic code differs.
_BIBLIOGRAPHIC = _pairs(
    "bod=tib ces=cze cym=wel deu=ger ell=gre eus=baq fas=per fra=fre hye=arm isl=ice kat=geo mkd=mac "
    "mri=mao msa=may mya=bur nld=dut ron=rum slk=slo sqi=alb zho=chi"
)

_CODE_LETTERS = 3


def iso_639_2(tag: str, *, bibliographic: bool = False) -> str:
    """The code for a tag such as `pt`, `pt-BR` or `yue`: terminological, or bibliographic as Matroska has it.

    A primary tag of three letters is a code already; one that is not known is `und`.
    """
    primary = tag.replace("_", "-").partition("-")[0].lower()
    known = primary if len(primary) == _CODE_LETTERS and primary.isascii() and primary.isalpha() else UNKNOWN
    code = _TERMINOLOGICAL.get(primary, known)
    return _BIBLIOGRAPHIC.get(code, code) if bibliographic else code
