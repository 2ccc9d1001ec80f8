"""A certificate authority and one certificate for localhost, made by openssl for this run only."""
import ssl
from pathlib import Path

from .process import run_checked

_EXTENSIONS = """subjectAltName=DNS:localhost,IP:127.0.0.1
basicConstraints=critical,CA:FALSE
extendedKeyUsage=serverAuth
"""


class Certificates:
    def __init__(self, folder, days=2):
        folder = Path(folder)
        folder.mkdir()
        self.ca, self.ca_key = folder / "ca.pem", folder / "ca.key"
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        request, extensions = folder / "server.csr", folder / "server.ext"
        extensions.write_text(_EXTENSIONS)
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        run_checked(["openssl", "req", "-x509", *new_key, "-days", "2", "-subj", "/CN=Atelier test authority",
                     "-keyout", self.ca_key, "-out", self.ca])
        run_checked(["openssl", "req", *new_key, "-subj", "/CN=localhost", "-keyout", self.key, "-out", request])
        run_checked(["openssl", "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.ca_key,
                     "-CAcreateserial", "-days", days, "-extfile", extensions, "-out", self.certificate])

    def context(self, maximum=None):
        """A client's context that trusts this authority alone; a new one for each connection."""
        context = ssl.create_default_context(cafile=self.ca)
        if maximum:
            context.maximum_version = maximum
        return context
