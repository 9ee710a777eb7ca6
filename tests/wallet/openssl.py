"""OpenSSL's own word on a detached signature."""

import shutil
import subprocess
from pathlib import Path

import pytest

OPENSSL = shutil.which("openssl")


def verified(data: bytes, signature: bytes, certificate: Path, folder: Path) -> bool:
    """Whether `openssl smime` finds that the signature is this certificate's over the data."""
    if OPENSSL is None:
        pytest.skip("No openssl on PATH: signatures are not checked.")
    (folder / "data").write_bytes(data)
    (folder / "signature").write_bytes(signature)
    run = subprocess.run(
        [
            OPENSSL, "smime", "-verify", "-inform", "DER", "-in", str(folder / "signature"),
            "-content", str(folder / "data"), "-certfile", str(certificate), "-noverify", "-binary",
        ],
        capture_output=True,
        check=False,
    )  # fmt: skip
    return run.returncode == 0
