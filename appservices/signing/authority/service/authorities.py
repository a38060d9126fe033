"""The authority's folder: certificates, lists, and the keys that are used every day.

``root.pem`` is what everything is trusted by; its key, ``root.key``, is encrypted and needed only
to make the others and their lists, so it can lie elsewhere. A certificate and its key have the same
name: ``NAME.key`` is the key, ``NAME.token`` says in which token it is. A list has the serial
number of the certificate of which it speaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from appservices.signing.authority.core.anchors import Anchor
from appservices.signing.authority.core.issuing import Authority
from appservices.signing.authority.core.levels import OWN_LEVELS, Level
from appservices.signing.authority.core.stampers import Stampers
from appservices.signing.authority.service.lists import LIST, FolderLists, is_listed
from appservices.signing.keys.places import has_signed, open_key
from veche.documents.pki.cms import der_of
from veche.documents.pki.stated import is_authority, read_certificate
from veche.documents.signatures.anchors import NamedAnchor
from veche.documents.signatures.judging import StampRoot
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from appservices.signing.config import AnchorSection, StampsSection

ROOT: Final = "root"
ISSUING: Final = "issuing"
STAMPS: Final = "stamps"
SEALS: Final = "seals"
LISTS: Final = "lists"
CERTIFICATE: Final = ".pem"
_AGAIN: Final = "make it again with `veche ca`"


@attrs.frozen
class Authorities:
    """All that signs here.

    Attributes:
        root: What everything is trusted by; its key is not here.
        issuing: Signs the certificates of persons.
        stamps: Signs time stamps.
        seals: Of organisations, by their ids.
        lists: Of revoked certificates, DER, by serial number: of all of these but the root.
        anchors: Authorities elsewhere, whose certificates people may sign with too.
        stamp_roots: Authorities elsewhere that are believed for time stamps alone, and stamp in the
            place of ``stamps``.
        former_stamp_roots: Those that did so before: what they stamped is believed still.
        stamp_policy: Under which they have to stamp, as dotted numbers; None: any.
    """

    root: x509.Certificate
    issuing: Authority
    stamps: Authority
    seals: Mapping[str, Authority]
    lists: Mapping[int, bytes]
    anchors: tuple[Anchor, ...] = ()
    stamp_roots: tuple[x509.Certificate, ...] = ()
    stamp_policy: str | None = None
    former_stamp_roots: tuple[x509.Certificate, ...] = ()

    @property
    def trusted(self) -> tuple[bytes, ...]:
        """By what the files of sessions are judged: our root, and those elsewhere; DER."""
        anchors = (der_of(one.certificate) for one in self.anchors)
        return (der_of(self.root), *anchors, *self.trusted_stampers)

    @property
    def stampers(self) -> Stampers:
        """Authorities that may stamp signatures here."""
        return Stampers(self.stamps.certificate, self.stamp_roots, self.stamp_policy)

    @property
    def of_here(self) -> tuple[x509.Certificate, ...]:
        """Our root, who issues here, and who stamps, unless those elsewhere do."""
        ours = (self.root, self.issuing.certificate)
        return ours if self.stamp_roots else (*ours, self.stamps.certificate)

    @property
    def trusted_stampers(self) -> tuple[StampRoot, ...]:
        """By what time stamps of others are judged, and nothing else."""
        known = (*self.stamp_roots, *self.former_stamp_roots)
        return tuple(StampRoot(one) for one in dict.fromkeys(map(der_of, known)))

    @property
    def named(self) -> tuple[NamedAnchor, ...]:
        """Authorities elsewhere, for the words of a verdict."""
        return tuple(
            NamedAnchor.of(
                one.name,
                one.certificate,
                sorted(one.policies),
                is_qualified=one.level is Level.QUALIFIED,
            )
            for one in self.anchors
        )

    @property
    def levels(self) -> frozenset[Level]:
        """How people can sign here."""
        best = max((one.level for one in self.anchors), key=lambda one: one.rank, default=None)
        own = [] if best is None else [one for one in OWN_LEVELS if one.rank <= best.rank]
        return frozenset({Level.CLICK, Level.APPROVAL, Level.ADVANCED, *own})

    def list_of(self, certificate: x509.Certificate) -> bytes:
        """The list that speaks of a certificate.

        Raises:
            ConfigError: There is none.
        """
        found = self.lists.get(certificate.serial_number)
        if found is None:
            name = list_name(certificate)
            raise ConfigError(f"there is no list {name}: make it with `veche ca lists`")
        return found

    def is_revoked(self, certificate: x509.Certificate) -> bool:
        """Return whether its list, as it is now, says that it counts no more.

        Raises:
            ConfigError: There is none.
        """
        return is_listed(self.list_of(certificate), certificate)


def read_authorities(
    folder: Path,
    anchors: Sequence[AnchorSection] = (),
    stamps: StampsSection | None = None,
    former_stamp_roots: Sequence[Path] = (),
) -> Authorities:
    """Read the folder.

    Args:
        folder: What `veche ca init` has made.
        anchors: Authorities elsewhere whose certificates are taken.
        stamps: An authority elsewhere that stamps in the place of ours.
        former_stamp_roots: Files with the certificates of those that did, PEM.

    Raises:
        ConfigError: Something is missing or cannot be read, or does not belong to the rest.
        TokenError: A token with one of the keys does not answer.
        PinRefusedError: It does not take its PIN.
    """
    root = certificate_in(folder, ROOT)
    seals = {
        path.stem: _authority(folder / SEALS, path.stem, root)
        for path in sorted((folder / SEALS).glob(f"*{CERTIFICATE}"))
    }
    found = Authorities(
        root=root,
        issuing=_authority(folder, ISSUING, root),
        stamps=_authority(folder, STAMPS, root),
        seals=seals,
        lists=FolderLists(folder / LISTS, _AGAIN),
        anchors=tuple(map(_anchor, anchors)),
        stamp_roots=() if stamps is None else (issuer_in(stamps.root),),
        stamp_policy=None if stamps is None else stamps.policy,
        former_stamp_roots=tuple(map(issuer_in, former_stamp_roots)),
    )
    for one in (found.issuing, found.stamps, *seals.values()):
        found.list_of(one.certificate)
    return found


def _anchor(section: AnchorSection) -> Anchor:
    certificate, policies = issuer_in(section.certificate), frozenset(section.policies)
    return Anchor(section.name, certificate, Level(section.level), policies)


def issuer_in(path: Path) -> x509.Certificate:
    """The certificate of an authority elsewhere, PEM.

    Raises:
        ConfigError: It is none.
    """
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as e:
        raise ConfigError(f"{path} is no certificate that can be read: {e}") from e
    if read_certificate(der_of(certificate)) is None or not is_authority(certificate):
        raise ConfigError(
            f"{path} is not the certificate of an authority that issues others:"
            " it should be a root, or who issues the certificates of persons or of time stamps"
        )
    return certificate


def list_name(certificate: x509.Certificate) -> str:
    """Name of the file of the list that speaks of a certificate, and the end of its address."""
    return f"{certificate.serial_number:x}{LIST}"


def _authority(folder: Path, name: str, root: x509.Certificate) -> Authority:
    certificate = certificate_in(folder, name)
    key = open_key(folder / name)
    if not has_signed(key, certificate.public_key()):
        raise ConfigError(
            f"the key of {folder / name} is not the key of the certificate beside it; {_AGAIN}"
        )
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature) as e:
        raise ConfigError(f"{folder / name}{CERTIFICATE} is not of the root here; {_AGAIN}") from e
    return Authority(certificate, key)


def certificate_in(folder: Path, name: str) -> x509.Certificate:
    """A certificate of the folder, by its name.

    Raises:
        ConfigError: It cannot be read.
    """
    path = folder / f"{name}{CERTIFICATE}"
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as e:
        raise ConfigError(f"{path} is no certificate that can be read ({e}); {_AGAIN}") from e
