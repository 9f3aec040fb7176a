"""Settings of outbound connections: proxies and certificates."""

from typing import Annotated

from pydantic import BaseModel, Field
from pydantic_settings import NoDecode

from bot.config.field_types import CertificateFile, CertificateFolder, Proxy
from bot.outbound import Outbound


class OutboundSettings(BaseModel):
    """Proxies and certificates, for whatever this process asks of others."""

    http_proxy: Proxy | None = Field(
        None,
        description="Proxy on the way to `http://` addresses, for books, orders and alerts "
        "alike: `http://user:password@host:port`; `socks5://` needs the package "
        "socksio",
    )
    https_proxy: Proxy | None = Field(None, description="Proxy on the way to `https://` addresses")
    all_proxy: Proxy | None = Field(None, description="Proxy where neither of these is given")
    no_proxy: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts (with all below them), addresses and networks reached without a "
        "proxy: `localhost,.internal.example,10.0.0.0/8`; `*` is all",
    )
    ssl_cert_file: CertificateFile | None = Field(
        None, description="Certificates to trust instead of the usual ones: a PEM file"
    )
    ssl_cert_dir: CertificateFolder | None = Field(
        None, description="The same as a folder of them; `SSL_CERT_FILE` beats it"
    )

    @property
    def outbound(self) -> Outbound:
        """The way out, for whatever this process asks of others."""
        ways = {"http": self.http_proxy, "https": self.https_proxy}
        through = {scheme: one or self.all_proxy for scheme, one in ways.items()}
        return Outbound(
            proxies={s: one.get_secret_value() for s, one in through.items() if one},
            direct=self.no_proxy,
            certificates=self.ssl_cert_file or self.ssl_cert_dir,
        )
