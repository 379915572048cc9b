"""STOW-RS out: a report is stored beside its study, at the address of the settings."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import pydicom
from dicomweb_client import DICOMwebClient
from dicomweb_client.session_utils import create_session, create_session_from_user_pass

from lumbar.errors import ConfigError
from serve.gather import StoreError
from serve.settings import DicomwebSettings

__all__ = ["Stow"]


class Stow:
    """A DICOMweb server that takes reports."""

    def __init__(self, settings: DicomwebSettings) -> None:
        """Raises ConfigError where the address or the file of its password cannot be used."""
        address = settings.send_to or ""
        if not address.startswith(("http://", "https://")):
            raise ConfigError(
                f"dicomweb.send_to: {address!r} is no http address; it is the root of a DICOMweb "
                "server, for instance http://127.0.0.1:8042/dicom-web"
            )
        # Its lines name studies and quote what the other side says.
        logging.getLogger("dicomweb_client").propagate = False
        logging.getLogger("dicomweb_client").addHandler(logging.NullHandler())
        self._client = DICOMwebClient(address, _session(settings), timeout=settings.send_s)
        self._client.set_http_retry_params(retry=False)  # `Gathering` tries again, off this thread

    def __call__(self, report: bytes) -> None:
        """Store a file; raises StoreError where nobody answers or the other side refuses it."""
        dataset = pydicom.dcmread(io.BytesIO(report))
        try:
            answer = self._client.store_instances([dataset])
        except Exception as error:  # its text has the address and what the other side says
            response = getattr(error, "response", None)
            code = f" ({response.status_code})" if response is not None else ""
            raise StoreError(f"{type(error).__name__}{code}") from None
        if "FailedSOPSequence" in answer:
            raise StoreError("the other side refuses it")


def _session(settings: DicomwebSettings) -> Any:
    session = create_session()
    if settings.user_file is not None:
        user, password = _user(settings.user_file)
        session = create_session_from_user_pass(user, password)
    session.trust_env = False  # no proxy of the environment between a hospital's two servers
    return session


def _user(file: Path) -> tuple[str, str]:
    try:
        if file.stat().st_mode & 0o077:
            raise ConfigError(f"{file}: others may read it; chmod 600 {file}")
        user, colon, password = file.read_text(encoding="utf-8").strip().partition(":")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from None
    if not (user and colon):
        raise ConfigError(f"{file}: expected one line, `user:password`")
    return user, password
