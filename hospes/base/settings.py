"""Settings: `HOSPES_*` variables, all optional."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

# A file of this name in the data folder holds the outbox; backups have one.
HELD = "outbox.held"
_OWN_HEADER = "^X-[A-Za-z0-9-]{1,60}$"


class Settings(BaseSettings):
    """What an operator can set. Each field is documented in docs/operator/settings.md."""

    model_config = SettingsConfigDict(env_prefix="HOSPES_", env_ignore_empty=True, extra="ignore")

    data_dir: Path = Path(".hospes")
    database_url: SecretStr | None = None
    secret_key: SecretStr | None = None
    public_url: str = "http://127.0.0.1:8000"
    allowed_hosts: Annotated[str, NoDecode] = ""
    trusted_proxies: Annotated[str, NoDecode] = ""
    allow_loopback_webhooks: bool = False
    # Of your own, so none that says how a request is to be read or who sends it (case W43).
    signature_header: str = Field(default="X-Nectifi-Signature", pattern=_OWN_HEADER)
    property_header_prefix: str = Field(default="X-Nowistay", pattern=_OWN_HEADER)
    worker_name: str = ""
    oauth_rate_limit: int = Field(default=20, ge=1, le=10_000)
    property_read_limit: int = Field(default=120, ge=1, le=10_000)
    property_write_limit: int = Field(default=30, ge=1, le=10_000)
    pool_size: int = Field(default=10, ge=2, le=200)
    statement_timeout_ms: int = Field(default=15_000, ge=100)
    log_level: str = "info"
    log_format: str = "auto"
    metrics_token: SecretStr | None = None
    smtp_url: SecretStr | None = None
    mail_from: str = "hospes@localhost"
    bounce_address: str | None = None
    dkim_selector: str | None = None
    dkim_key_file: Path | None = None
    sms_url: str | None = None
    sms_token: SecretStr | None = None
    sms_sender: str = "Hospes"
    smpp_url: SecretStr | None = None
    vapid_subject: str | None = None
    vapid_key_file: Path | None = None
    fcm_key_file: Path | None = None
    apns_key_file: Path | None = None
    apns_key_id: str | None = None
    apns_topic: str | None = None
    apns_sandbox: bool = False
    nuki_token: SecretStr | None = None
    nuki_url: str = "https://api.nuki.io"
    apple_pass_cert_file: Path | None = None
    apple_pass_key_file: Path | None = None
    apple_pass_key_password: SecretStr | None = None
    apple_pass_type_id: str | None = None
    apple_team_id: str | None = None
    apple_wwdr_file: Path | None = None
    google_wallet_issuer_id: str | None = None
    google_wallet_key_file: Path | None = None
    dev_outbox: bool = False
    hold_outbox: bool = False

    @property
    def is_outbox_held(self) -> bool:
        """Whether nothing is to be sent from here: this may be a copy, and the original sends the same."""
        return self.hold_outbox or (self.data_dir.expanduser() / HELD).exists()
