"""The certificate that the stand-in for the mail server shows; clients trust it by its file."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from infra.standins import credentials

_LIFETIME = timedelta(days=3650)
_KEY = "standin-key.pem"


def certificate(home: Path, name: str = "localhost") -> tuple[Path, Path]:
    """Return the files of a certificate for this machine and of its key, made if need be.

    ``name`` is a further host name of it.
    """
    paths = home / credentials.CERTIFICATE, home / _KEY
    if not all(path.exists() for path in paths):
        home.mkdir(parents=True, exist_ok=True)
        _make(*paths, {"localhost", name} - {"127.0.0.1"})
    return paths


def _make(certificate_path: Path, key_path: Path, names: set[str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Backroom's stand-in")])
    dns = [x509.DNSName(host) for host in sorted(names)]
    hosts = [*dns, x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_path.touch(mode=0o600)
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    certificate_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))


def _usage() -> x509.KeyUsage:
    unused = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
        **dict.fromkeys(unused, False),
    )
