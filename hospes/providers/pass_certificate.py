"""The certificate that passes are signed with: the operator's from Apple, or one made here for tests."""

import os
import ssl
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509.oid import NameOID

from hospes.base import data_folder, ids
from hospes.base.errors import Misconfigured
from hospes.base.settings import Settings

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

TEST_FILE = "pass-test-certificate.pem"
_TEST_TYPE, _TEST_TEAM = "pass.test.hospes", "HOSPESTEST"
# Nobody trusts it, so its dates say nothing.
_TEST_FROM, _TEST_UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)


class PassCertificate(msgspec.Struct, frozen=True):
    """Certificate, key and Apple's intermediate, and for whom they are."""

    type_id: str
    team_id: str
    certificate: x509.Certificate
    key: Key
    chain: tuple[x509.Certificate, ...] = ()
    is_test: bool = False

    @property
    def ends_at(self) -> datetime:
        return self.certificate.not_valid_after_utc

    def sign(self, data: bytes) -> bytes:
        """A detached signature with the signing time. RFC 5652; Apple, Building a Pass."""
        builder = PKCS7SignatureBuilder().set_data(data).add_signer(self.certificate, self.key, hashes.SHA256())
        for link in self.chain:
            builder = builder.add_certificate(link)
        return builder.sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary])

    def presented(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """The context, showing this certificate to whom it connects."""
        # `ssl` reads certificates from files only: this one is nobody else's, and gone at once.
        handle, path = tempfile.mkstemp(prefix="hospes-pass-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_pem(self.key, self.certificate, *self.chain))
            context.load_cert_chain(path)
        finally:
            Path(path).unlink()
        return context


def opened(settings: Settings) -> PassCertificate:
    """The operator's certificate, or without one the test certificate. Raises Misconfigured."""
    if settings.apple_pass_cert_file is None:
        return _test(settings)
    if settings.apple_wwdr_file is None:
        raise Misconfigured("HOSPES_APPLE_PASS_CERT_FILE needs HOSPES_APPLE_WWDR_FILE, Apple's intermediate (WWDR G4).")
    certificate, key = _pair(settings, settings.apple_pass_cert_file)
    if certificate.public_key().public_bytes(*_PUBLIC) != key.public_key().public_bytes(*_PUBLIC):
        raise Misconfigured("HOSPES_APPLE_PASS_KEY_FILE holds another key than the one the pass certificate is for.")
    return PassCertificate(
        _agreed(settings.apple_pass_type_id, certificate, NameOID.USER_ID, "HOSPES_APPLE_PASS_TYPE_ID"),
        _agreed(settings.apple_team_id, certificate, NameOID.ORGANIZATIONAL_UNIT_NAME, "HOSPES_APPLE_TEAM_ID"),
        certificate,
        key,
        (_certificate(_read(settings.apple_wwdr_file, "HOSPES_APPLE_WWDR_FILE"), "HOSPES_APPLE_WWDR_FILE"),),
    )


_PUBLIC = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _pair(settings: Settings, path: Path) -> tuple[x509.Certificate, Key]:
    held = _read(path, "HOSPES_APPLE_PASS_CERT_FILE")
    secret = settings.apple_pass_key_password
    password = secret.get_secret_value().encode() if secret else None
    if b"-----BEGIN" not in held and settings.apple_pass_key_file is None:
        return _from_p12(held, password)
    certificate = _certificate(held, "HOSPES_APPLE_PASS_CERT_FILE")
    source = settings.apple_pass_key_file or path
    return certificate, _key(_read(source, "HOSPES_APPLE_PASS_KEY_FILE"), password)


def _from_p12(held: bytes, password: bytes | None) -> tuple[x509.Certificate, Key]:
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(held, password)
    except ValueError:
        raise Misconfigured(
            "HOSPES_APPLE_PASS_CERT_FILE cannot be read: it is neither PEM nor PKCS #12, "
            "or HOSPES_APPLE_PASS_KEY_PASSWORD is not its password."
        ) from None
    if certificate is None:
        raise Misconfigured("HOSPES_APPLE_PASS_CERT_FILE holds no certificate.")
    return certificate, _usable(key, "HOSPES_APPLE_PASS_CERT_FILE")


def _key(held: bytes, password: bytes | None) -> Key:
    try:
        return _usable(load_pem_private_key(held, password), "HOSPES_APPLE_PASS_KEY_FILE")
    except (ValueError, TypeError):
        raise Misconfigured(
            "HOSPES_APPLE_PASS_KEY_FILE cannot be read: it holds no PEM key, "
            "or HOSPES_APPLE_PASS_KEY_PASSWORD is missing or wrong."
        ) from None


def _usable(key: object, setting: str) -> Key:
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Misconfigured(f"{setting} holds no RSA or EC key.")
    return key


def _certificate(held: bytes, setting: str) -> x509.Certificate:
    """PEM or DER: Apple hands out the latter."""
    load = x509.load_pem_x509_certificate if b"-----BEGIN" in held else x509.load_der_x509_certificate
    try:
        return load(held)
    except ValueError:
        raise Misconfigured(f"{setting} holds no certificate.") from None


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{setting} cannot be read ({error.strerror}): {path}") from None


def _agreed(given: str | None, certificate: x509.Certificate, oid: x509.ObjectIdentifier, setting: str) -> str:
    """What the setting says, which has to be what the certificate says; one of them is enough."""
    [*names] = certificate.subject.get_attributes_for_oid(oid)
    stated = str(names[0].value) if names else None
    if given and stated and given != stated:
        raise Misconfigured(f"{setting} is {given}, but the pass certificate is for {stated}.")
    if not (given or stated):
        raise Misconfigured(f"The pass certificate does not say it: set {setting}.")
    return given or stated or ""


def _test(settings: Settings) -> PassCertificate:
    """The one in the data folder, made the first time; several processes may be first at once."""
    path = data_folder.make(settings.data_dir) / TEST_FILE
    if not path.exists():
        draft = path.with_name(f"{TEST_FILE}.{ids.token('', 8)}")
        draft.touch(0o600)
        draft.write_bytes(made_here(_TEST_TYPE, _TEST_TEAM))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    held = path.read_bytes()
    certificate, key = _certificate(held, TEST_FILE), _key(held, None)
    return PassCertificate(_TEST_TYPE, _TEST_TEAM, certificate, key, is_test=True)


def made_here(type_id: str, team_id: str) -> bytes:
    """A key and a certificate like Apple's that vouches for itself, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.USER_ID, type_id),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Test, not from Apple: {type_id}"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, team_id),
        ]
    )
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(_TEST_FROM).not_valid_after(_TEST_UNTIL)
    return _pem(key, builder.sign(key, hashes.SHA256()))


def _pem(key: Key, *certificates: x509.Certificate) -> bytes:
    parts: Sequence[bytes] = [
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        *(certificate.public_bytes(Encoding.PEM) for certificate in certificates),
    ]
    return b"".join(parts)
