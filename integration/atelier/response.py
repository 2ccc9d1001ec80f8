"""What a client got back, as it came over the wire: nothing decoded, nothing merged."""
import gzip
import json
import re
from dataclasses import dataclass

import brotli

UNDO = {"gzip": gzip.decompress, "br": brotli.decompress}


@dataclass(frozen=True)
class Response:
    version: str  # "HTTP/1.1" or "HTTP/2"
    status: int
    headers: tuple  # of (lower-case name, value), in the order they came
    body: bytes

    def __getitem__(self, name):
        """The one value of this header; a header that is missing or there twice fails the test."""
        values = self.all(name)
        assert len(values) == 1, f"{name} came {len(values)} times: {self.headers}"
        return values[0]

    def __contains__(self, name):
        return bool(self.all(name))

    def get(self, name):
        """The value of this header, or None."""
        return self[name] if name in self else None

    def all(self, name):
        return [value for key, value in self.headers if key == name.lower()]

    def listed(self, name):
        """The members of a comma-separated header, in lower case."""
        return {word.strip().lower() for value in self.all(name) for word in value.split(",")}

    def json(self):
        return json.loads(self.body)

    def identity(self):
        """The body with its coding undone, if it has one."""
        return UNDO.get(self.get("content-encoding"), bytes)(self.body)

    def links(self):
        """The Link header as {relation: target}."""
        found = re.findall(r'<([^>]*)>\s*;\s*rel="?([a-z]+)"?', ", ".join(self.all("link")))
        return {relation: target for target, relation in found}
