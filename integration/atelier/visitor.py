"""A client that keeps its TLS session, as browsers do."""
from .http1 import Http1


class Visitor:
    def __init__(self, context, version=None):
        self.context = context
        if version:
            context.minimum_version = context.maximum_version = version
        self.session = None

    def set_alpn_protocols(self, names):
        self.context.set_alpn_protocols(names)

    def wrap_socket(self, *words, **how):
        return self.context.wrap_socket(*words, session=self.session, **how)

    def resumes(self, port, address="127.0.0.1", keep=True):
        """Whether its session is resumed there; afterwards it has the session of this visit, unless it shall not keep it."""
        with Http1(port, self, address=address) as client:
            assert client.get("/products?count=1").status == 200
            self.session = client.socket.session if keep else self.session
            return client.socket.session_reused
