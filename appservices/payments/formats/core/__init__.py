"""Payment codes and references of the world, read and written: plain texts, no pictures.

``veche/runtime/files/qr_codes.py`` draws them.
"""

from appservices.payments.formats.core.emv import EmvPayment, Template, pix
from appservices.payments.formats.core.epc import EpcPayment
from appservices.payments.formats.core.gost56042 import GostPayment
from appservices.payments.formats.core.links import PayLink, PersonLink, SbpLink, UpiLink
from appservices.payments.formats.core.reading import Scanned, read_code

__all__ = [
    "EmvPayment",
    "EpcPayment",
    "GostPayment",
    "PayLink",
    "PersonLink",
    "SbpLink",
    "Scanned",
    "Template",
    "UpiLink",
    "pix",
    "read_code",
]
