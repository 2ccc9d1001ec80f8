"""NGINX with the documents as files."""
from atelier.ports import free_port
from servers import Pinned
from settings import HERE
from summary import NGINX


class Nginx(Pinned):
    """NGINX 1.22 cannot tell HTTP/1.1 from h2c on one port: h2c has a port of its own."""

    def __init__(self, core, folder, certificates, documents):
        self.clear, self.h2c, self.tls = free_port(), free_port(), free_port()
        home = folder / "nginx"
        home.mkdir()
        tokens = {"HOME": home, "ROOT": documents.tree, "CLEAR": self.clear, "H2C": self.h2c, "TLS": self.tls,
                  "CERTIFICATE": certificates.certificate, "KEY": certificates.key, "FILES": documents.count + 1000}
        text = (HERE / "nginx.conf.in").read_text()
        for name, value in tokens.items():
            text = text.replace(f"@{name}@", str(value))
        (home / "nginx.conf").write_text(text)
        super().__init__(NGINX, ["nginx", "-e", "stderr", "-p", home, "-c", home / "nginx.conf"], core, folder)

    def ports(self):
        return super().ports() | {"h2c": self.h2c}
