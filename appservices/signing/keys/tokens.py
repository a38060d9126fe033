"""Keys in tokens: smart cards, USB keys and hardware modules, by PKCS#11.

A private key is made inside and never leaves; what goes in is a digest, what comes out a signature.
The library that a maker gives is called by one thread at a time (python-pkcs11 starts it without
locks), and a session that was lost, since the token was taken out or its module restarted, is
opened again at the next use.

Source: PKCS #11 v2.40, OASIS; raw ECDSA (CKM_ECDSA), since not every token hashes by itself.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import pkcs11
from asn1crypto.core import OctetString
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkcs11.util.ec import encode_named_curve_parameters

from veche.protocol.errors import ConfigError, RefusedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pkcs11.types import Session

    PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

TIMEOUT_S: Final = 10.0
"""How long others may use the module before whoever waits gives up."""
RESTART_S: Final = 1.0
"""Between two starts of a module: each ends the sessions of all its tokens."""
_RETRY_AFTER_MS: Final = 5_000
_DIGEST_INFO: Final = bytes.fromhex("3031300d060960864801650304020105000420")
"""What RSA signs before a SHA-256 (RFC 8017 §9.2, note 1)."""
_LOST: Final = (
    pkcs11.DeviceError,
    pkcs11.DeviceRemoved,
    pkcs11.FunctionFailed,
    pkcs11.GeneralError,
    pkcs11.KeyHandleInvalid,
    pkcs11.NoSuchKey,  # some modules say so when the token is out
    pkcs11.ObjectHandleInvalid,
    pkcs11.OperationNotInitialized,
    pkcs11.SessionClosed,
    pkcs11.SessionHandleInvalid,
    pkcs11.SlotIDInvalid,
    pkcs11.TokenNotPresent,
    pkcs11.TokenNotRecognised,
    pkcs11.UserNotLoggedIn,
)
"""After these, another session may do, or the module started anew."""

R = TypeVar("R")


class TokenError(UnavailableError):
    """A token, or the module that leads to it, does not answer now."""

    errcode = "ORG.VECHE.TOKEN_UNAVAILABLE"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_ms=_RETRY_AFTER_MS)


class PinRefusedError(RefusedError):
    """A token does not take the PIN, or would be locked by another wrong one; it is not tried."""

    errcode = "ORG.VECHE.PIN_REFUSED"


class _Module:
    """A maker's library, loaded once in a process; one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._started_s = float("-inf")
        self.started = 0
        try:
            self.library: Any = pkcs11.lib(str(path))
        except (RuntimeError, OSError) as e:
            raise ConfigError(f"{path} is no PKCS#11 module that can be loaded: {e}") from e

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else uses the library."""
        if not self._lock.acquire(timeout=TIMEOUT_S):
            raise TokenError(f"{self._path} does not answer: others have waited for long")
        try:
            yield
        finally:
            self._lock.release()

    def restart(self) -> None:
        """Look for tokens anew, as modules that keep a list of them need it; all sessions end."""
        now_s = time.monotonic()
        if now_s - self._started_s < RESTART_S:
            return
        self._started_s = now_s
        self.started += 1
        self.library.reinitialize()


_modules: Final[dict[Path, _Module]] = {}
_modules_lock: Final = threading.Lock()
_tokens: Final[dict[tuple[Path, str, str], Token]] = {}


def _module(path: Path) -> _Module:
    with _modules_lock:
        if path not in _modules:
            _modules[path] = _Module(path)
        return _modules[path]


def token_of(module: Path, label: str, pin: str, *, is_typed: bool = False) -> Token:
    """A token with its PIN: the same one each time, so that what it refused is not tried again.

    Args:
        module: The maker's library, such as ``/usr/lib/softhsm/libsofthsm2.so``.
        label: Of the token.
        pin: Of its user.
        is_typed: Whether a person has just typed the PIN, and may try once more.

    Raises:
        ConfigError: The library cannot be loaded.
    """
    known = _tokens.get((module, label, pin))
    if known is None or is_typed:
        known = Token(module, label, pin, is_typed=is_typed)
        _tokens[module, label, pin] = known
    return known


class Token:
    """A token with its PIN. Its methods block: never call them in the reactor's thread."""

    def __init__(self, module: Path, label: str, pin: str, *, is_typed: bool = False) -> None:
        """Load its module; nothing is opened yet. See ``token_of``."""
        self._module = _module(module)
        self.label = label
        self._pin = pin
        self._is_typed = is_typed
        self._refusal: PinRefusedError | None = None
        self._session: Session | None = None
        self._session_of = 0
        self._keys: dict[str, Any] = {}

    def check(self) -> None:
        """Make sure that the token is there and takes the PIN.

        Raises:
            TokenError: It is not there.
            PinRefusedError: It does not take the PIN.
        """
        self._run(lambda _: None)

    def public_key(self, key: str) -> PublicKey:
        """The public key of a pair.

        Raises:
            ConfigError: It is of a kind that we don't take.
            TokenError: There is no such pair, or the token does not answer.
        """
        return self._run(lambda session: _public_key(session, self.label, key))

    def certificate(self, key: str) -> bytes | None:
        """DER of the certificate beside a key; None if the token has none, as modules seldom do.

        Raises:
            TokenError: The token does not answer.
        """
        return self._run(lambda session: _certificate(session, key))

    def sign(self, key: str, digest: bytes) -> bytes:
        """Sign a SHA-256: ECDSA as two numbers of the same length, or RSA with PKCS #1 v1.5.

        Raises:
            ConfigError: The key is of a kind that we don't take.
            TokenError: There is no such key, or the token does not answer.
        """
        return self._run(lambda session: self._signed(session, key, digest))

    def make(self, key: str) -> ec.EllipticCurvePublicKey:
        """Make a P-256 pair in the token, which the private key never leaves.

        Raises:
            ConfigError: There is a key of this name.
            TokenError: The token does not answer, or makes none.
        """
        self._keys.pop(key, None)
        return self._run(lambda session: _made(session, self.label, key))

    def has(self, key: str) -> bool:
        """Return whether there is a key of this name.

        Raises:
            TokenError: The token does not answer.
        """
        return self._run(lambda session: _has(session, key))

    def remove(self, key: str) -> None:
        """Destroy a pair, if it is there. Nothing brings it back."""
        self._keys.pop(key, None)
        self._run(lambda session: _remove(session, key))

    def _signed(self, session: Session, key: str, digest: bytes) -> bytes:
        held = self._keys.get(key)
        if held is None:
            held = _key(session, self.label, key, pkcs11.ObjectClass.PRIVATE_KEY)
            self._keys[key] = held
        signature: bytes
        if held.key_type is pkcs11.KeyType.EC:
            signature = held.sign(digest, mechanism=pkcs11.Mechanism.ECDSA)
        elif held.key_type is pkcs11.KeyType.RSA:
            signature = held.sign(_DIGEST_INFO + digest, mechanism=pkcs11.Mechanism.RSA_PKCS)
        else:
            raise ConfigError(f"the key {key} in the token {self.label} is neither EC nor RSA")
        return signature

    def _run(self, work: Callable[[Session], R]) -> R:
        with self._module.held():
            try:
                return self._tried(work)
            except pkcs11.NoSuchKey as e:
                raise TokenError(str(e)) from e
            except _LOST as e:
                raise TokenError(f"the token {self.label} does not answer ({_name(e)})") from e
            except pkcs11.PKCS11Error as e:
                raise TokenError(f"the token {self.label} refuses ({_name(e)})") from e

    def _tried(self, work: Callable[[Session], R]) -> R:
        for mend in (self._close, self._module.restart):
            try:
                return work(self._opened())
            except _LOST:
                mend()
        return work(self._opened())

    def _opened(self) -> Session:
        if self._session is not None and self._session_of == self._module.started:
            return self._session
        self._session = None
        self._keys.clear()
        try:
            token = self._found()
        except TokenError:
            self._module.restart()
            token = self._found()
        self._refuse_more_tries(token)
        try:
            session = _logged_in(token, self._pin)
        except (pkcs11.PinIncorrect, pkcs11.PinLenRange, pkcs11.PinInvalid) as e:
            self._refusal = PinRefusedError(
                f"the token {self.label} refuses the PIN; it is not tried again, so that it does"
                " not lock itself"
            )
            raise self._refusal from e
        except pkcs11.PinLocked as e:
            raise PinRefusedError(f"the PIN of the token {self.label} is locked") from e
        self._session, self._session_of = session, self._module.started
        return session

    def _found(self) -> Any:
        try:
            return self._module.library.get_token(token_label=self.label)
        except pkcs11.NoSuchToken as e:
            there = sorted(one.label for one in self._module.library.get_tokens() if one.label)
            raise TokenError(
                f"there is no token {self.label}; what is there: {', '.join(there) or 'none'}"
            ) from e
        except pkcs11.MultipleTokensReturned as e:
            raise TokenError(f"there are two tokens {self.label}: take one out") from e

    def _refuse_more_tries(self, token: Any) -> None:
        """A service that starts again and again with a wrong PIN would lock the token."""
        if self._refusal is not None:
            raise self._refusal
        flags = token.flags
        if flags & pkcs11.TokenFlag.USER_PIN_LOCKED:
            raise PinRefusedError(f"the PIN of the token {self.label} is locked")
        if flags & pkcs11.TokenFlag.USER_PIN_FINAL_TRY:
            raise PinRefusedError(
                f"the token {self.label} would be locked by another wrong PIN: log in with the"
                " maker's program first"
            )
        if flags & pkcs11.TokenFlag.USER_PIN_COUNT_LOW and not self._is_typed:
            raise PinRefusedError(
                f"the token {self.label} was given a wrong PIN before, so it is not tried: put the"
                " right one in the file and log in once by hand, such as with `pkcs11-tool --login"
                " --list-objects`"
            )

    def _close(self) -> None:
        session, self._session = self._session, None
        self._keys.clear()
        if session is not None:
            with suppress(pkcs11.PKCS11Error):
                session.close()


def _logged_in(token: Any, pin: str) -> Session:
    try:
        session: Session = token.open(rw=True, user_pin=pin)
    except pkcs11.UserAlreadyLoggedIn:  # by another session of this process: it counts for all
        session = token.open(rw=True)
    return session


def _public_key(session: Session, token: str, key: str) -> PublicKey:
    held = _key(session, token, key, pkcs11.ObjectClass.PUBLIC_KEY)
    if held.key_type is pkcs11.KeyType.EC:
        point = OctetString.load(held[pkcs11.Attribute.EC_POINT]).native
        parameters = held[pkcs11.Attribute.EC_PARAMS]
        for curve in (ec.SECP256R1(), ec.SECP384R1()):
            if parameters == encode_named_curve_parameters(curve.name):
                return ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    if held.key_type is pkcs11.KeyType.RSA:
        exponent = int.from_bytes(held[pkcs11.Attribute.PUBLIC_EXPONENT])
        modulus = int.from_bytes(held[pkcs11.Attribute.MODULUS])
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    raise ConfigError(f"the key {key} in the token {token} is neither P-256, P-384 nor RSA")


def _certificate(session: Session, key: str) -> bytes | None:
    wanted = {
        pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
        pkcs11.Attribute.LABEL: key,
    }
    found = list(session.get_objects(wanted))
    if len(found) != 1:
        return None
    value: bytes = found[0][pkcs11.Attribute.VALUE]
    return value


def _made(session: Session, token: str, key: str) -> ec.EllipticCurvePublicKey:
    if _has(session, key):
        raise ConfigError(f"there is a key {key} in the token {token} already")
    parameters = session.create_domain_parameters(
        pkcs11.KeyType.EC,
        {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")},
        local=True,
    )
    parameters.generate_keypair(
        label=key,
        id=key.encode(),
        store=True,
        capabilities=pkcs11.MechanismFlag.SIGN | pkcs11.MechanismFlag.VERIFY,
        private_template={
            pkcs11.Attribute.SENSITIVE: True,
            pkcs11.Attribute.EXTRACTABLE: False,
            pkcs11.Attribute.PRIVATE: True,
        },
    )
    held = _key(session, token, key, pkcs11.ObjectClass.PRIVATE_KEY)
    if held[pkcs11.Attribute.EXTRACTABLE] or not held[pkcs11.Attribute.SENSITIVE]:
        _remove(session, key)
        raise ConfigError(f"the token {token} makes keys that can be taken out: take another one")
    return cast("ec.EllipticCurvePublicKey", _public_key(session, token, key))


def _has(session: Session, key: str) -> bool:
    wanted = {
        pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY,
        pkcs11.Attribute.LABEL: key,
    }
    return bool(list(session.get_objects(wanted)))


def _remove(session: Session, key: str) -> None:
    for one in list(session.get_objects({pkcs11.Attribute.LABEL: key})):
        one.destroy()


def _key(session: Session, token: str, key: str, kind: pkcs11.ObjectClass) -> Any:
    try:
        return session.get_key(object_class=kind, label=key)
    except pkcs11.NoSuchKey as e:
        raise pkcs11.NoSuchKey(f"there is no key {key} in the token {token}") from e
    except pkcs11.MultipleObjectsReturned as e:
        raise ConfigError(f"there are two keys {key} in the token {token}") from e


def _name(error: Exception) -> str:
    return f"{type(error).__name__}{f': {error}' if str(error) else ''}"
