"""Words of a header that may be written: makers and models of devices, modalities and body parts by allow-list.

These elements are free text in many files, and some hold a person's name. What is not known here becomes "other" (a
device) or nothing (a code), so that no name passes by way of them.
"""

from __future__ import annotations

import re
from typing import Any

OTHER = "other"  # a device that is named, but by no words known here
LONGEST = 64  # characters, as a DICOM long string (LO) may have


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MAKERS = _words("""
acme agfa aloka analogic basler bk bruker canon carestream centervue cognex cirrus daewon dentsply dürr epica esaote
eizo fuji fujifilm ge gendex general electric hamamatsu heidelberg hitachi hologic icare inspect imaging kavo
keyence kodak konica kowa leica lunit medison mindray minolta mitsubishi morita nemoto neurologica neusoft nidek
nikon novadaq olympus optomed optopol optos optovue oxford perkinelmer philips picker planmeca quantel rayence
remidio samsung shimadzu siemens sirona sonosite sonoscape swissray tomey topcon toshiba trixell
ultrasonix united varex varian vatech vieworks volcano volk welch allyn xoran zeiss zonare ziehm
""")
_BESIDE_MAKERS = _words("""
ag ai and asia america carl care china co company corp corporation devices digital electronics engineering europe
film gevaert gmbh group health healthcare healthineers inc instruments international japan kg kk limited llc ltd mec
medical meditec nv nuclear ophthalmic optical photo products sa scientific solutions spa system systems
technologies technology the usa vision x-ray xray
""")
_MODELS = _words("""
access achieva activion affirm affiniti alexion alphenix amira aplio aquilion artis asteion astelion aurora avanto
axiom azurion biograph bravo brightspeed brilliance centricity certegra cios cirrus clarus clinace confidence cruise
definition digitaldiagnost dimensions discovery drive drystar duo eclipse eclos echelon edge elite elora emotion
epiq evo evolution excite explorer fastpix flash flight force galan gemini genesis_signa go.all go.now go.sim go.top
go.up harmony hispeed horizon iconos ict infinia ingenia ingenuity innova inspiration iqon jupiter lightning
lightspeed logiq luminos lunar magnetom mammomat maestro max maxima millennium mobilett momentum multix naeotom
neuviz novus omni one open optima orian oasis panorama panther perspective phantom pioneer precision
precedence premier prime pristina prisma pro proteus quantum revolution rotograph scenaria scope selenia sensation
sequoia signa sireskop skyra solo somatom sonata spectra spectralis spectrum spirit superconducting supria symbia
symphony synergy tempro titan trio triotim trilogy triton ultra ultimo vantage veradius verio versana vereos viante
vida vision vitrea vivid voluson volume xpress xpress/gx xr xtend ysio zoom iu22
""")
_BESIDE_MODELS = _words("""
adv as big bore cr ct cta dx elite ex fit fusion hd hdx hdxt le line max mg mr mri nm nx od or pet plus pro ps qx/i
rf rs rt rx select se st ste tfe tim tx ultra us vct vip xl xli xr xt xte
""")
_MODALITIES = _words("""
ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DG DMS DOC DX ECG EEG EMG EOG EPS ES FID GM HC HD IO IVOCT IVUS KER
KO LEN LP LS M3D MG MR NM OAM OCT OP OPM OPR OPT OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE
RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SC SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA XA XC
XRF XAPROTOCOL DD DF DS EC FA FS CD CF CP CS DM AS VF VL MA MS ST
""")
_BODY_PARTS = _words("""
ABDOMEN ABDOMENPELVIS ADRENAL ANKLE ANUS AORTA ARM AXILLA BACK BLADDER BODY BONE BRAIN BREAST BRONCHUS BUTTOCK
CALCANEUS CALF CARDIAC CAROTID CEREBELLUM CERVIX CHEEK CHEST CHESTABDOMEN CHESTABDPELVIS CLAVICLE COCCYX COLON
CORNEA CORONARYARTERY CSPINE CTSPINE DUODENUM EAR ELBOW ESOPHAGUS EXTREMITY EYE EYELID FACE FEMUR FINGER FOOT
FOREARM GALLBLADDER HAND HEAD HEADNECK HEART HIP HUMERUS IAC ILEUM ILIUM JAW JEJUNUM KIDNEY KNEE LARYNX LEG LIVER
LOWERLEG LSPINE LSSPINE LUNG LUNGS MAXILLA MANDIBLE MEDIASTINUM MOUTH NECK NECKCHEST NECKCHESTABDOMEN
NECKCHESTABDPELV NOSE OPTICCANAL ORBIT OVARY PANCREAS PAROTID PATELLA PELVIS PENIS PHARYNX PROSTATE RADIUS
RADIUSULNA RECTUM RETINA RIB RIBS SACRUM SCALP SCAPULA SCLERA SCROTUM SELLA SHOULDER SIJOINT SINUS SKULL SPINE
SPLEEN SSPINE STERNUM STOMACH TAIL TESTIS THIGH THORAX THUMB THYMUS THYROID TIBIA TIBIAFIBULA TLSPINE TMJ TOE
TONGUE TRACHEA TSPINE ULNA UPPERARM UTERUS VAGINA VULVA WHOLEBODY WRIST ZYGOMA
""")
_CODE = re.compile(r"(?=[A-Za-z0-9./+-]*[A-Za-z])(?=[A-Za-z0-9./+-]*\d)[A-Za-z0-9./+-]{2,8}")  # iU22, Mx8000, CT/i2
_SHORT = re.compile(r"[A-Za-z]|\d{1,4}|\d(\.\d{1,2})?T?|CT/i")


def maker(value: Any) -> str:
    """Maker of a device as it is written, where every word is known and one names a maker; else "other", or ""."""
    text = _line(value)
    words = [word.strip(".,()").lower() for word in re.split(r"[\s_/&-]+", text)]
    words = [word for word in words if word]
    if not words:
        return ""
    known = all(word in _MAKERS or word in _BESIDE_MAKERS for word in words) and any(word in _MAKERS for word in words)
    return text if known and len(text) <= LONGEST else OTHER


def model(value: Any) -> str:
    """Model of a device: at most four words, a known one with codes beside it, or one code; else "other", or ""."""
    text = _line(value)
    words = text.replace("_", " ").split()
    if not words:
        return ""
    known = [word for word in words if re.sub(r"\d{0,4}$", "", word.lower()) in _MODELS or text.lower() in _MODELS]
    others = [word for word in words if word not in known]
    fits = len(words) <= 4 and all(_fits_beside(word) for word in others)
    alone = len(words) == 1 and (_CODE.fullmatch(text) is not None or len(text) == 1)
    return text if alone or (known and fits) else OTHER


def modality(value: Any) -> str:
    """Modality, where the standard defines it (PS3.3 C.7.3.1.1.1); else ""."""
    text = _line(value).upper()
    return text if text in _MODALITIES else ""


def body_part(value: Any) -> str:
    """Body part, where the standard defines it (PS3.16 annex L) or files use it so; else ""."""
    text = _line(value).upper()
    return text if re.sub(r"[\s_/-]+", "", text) in _BODY_PARTS else ""


def _fits_beside(word: str) -> bool:
    return word.lower() in _BESIDE_MODELS or bool(_CODE.fullmatch(word) or _SHORT.fullmatch(word))


def _line(value: Any) -> str:
    return " ".join(str(value or "").replace("\0", " ").split())
