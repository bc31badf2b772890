"""Which implementation serves which address; implementations are imported when first needed."""

from __future__ import annotations

from deploy.transport.contract import Transport, TransportSettings
from deploy.transport.location import Location, Scheme


def open_transport(origin: Location, settings: TransportSettings) -> Transport:
    """A transport for every location whose `origin` equals this one's. Connects on first use."""
    match origin.scheme:
        case Scheme.HTTP | Scheme.HTTPS:
            from deploy.transport.web import WebTransport

            return WebTransport(origin, settings)
        case Scheme.FTP | Scheme.FTPS | Scheme.FTPES:
            from deploy.transport.ftp import FtpTransport

            return FtpTransport(origin, settings)
        case Scheme.UNC:
            from deploy.host.current import opens_unc_paths

            if opens_unc_paths():
                from deploy.transport.files import FilesTransport

                return FilesTransport(origin, settings)
            from deploy.transport.smb import SmbTransport

            return SmbTransport(origin, settings)
        case Scheme.FILE:
            from deploy.transport.files import FilesTransport

            return FilesTransport(origin, settings)
