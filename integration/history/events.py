"""What is recorded: transactions and reads. All times are time.monotonic_ns(), one clock for the whole machine."""
from dataclasses import dataclass, field
from typing import NamedTuple

# Where stamps stand: a table's rows of one product carry the same stamp in one column. A stamp is a whole number that
# no other write has, given out while the product is locked: so it grows with a product's versions.
FACETS = {"products": "slogan", "features": "value", "styles": "name", "photos": "url", "skus": "quantity"}


class Change(NamedTuple):
    """One version of one product. Positions count its versions from 0 without gaps, in the order of commits."""
    product: int
    position: int
    stamps: dict | None  # {facet: stamp} of what was written; None: the product was deleted


@dataclass(slots=True)
class Transaction:
    writer: str
    kind: str
    serial: int             # unique among transactions
    begun: int              # before anything was sent
    xid: int | None = None
    sent: int | None = None   # before the commit was sent; None: it never was
    acked: int | None = None  # after Postgres said that it is committed, or was asked and said so
    committed: bool = False
    asked: bool = False     # the connection was lost in the middle of the commit: Postgres was asked what became of it
    changes: list = field(default_factory=list)  # of Change; if not committed, what it would have changed
    hidden: tuple = ()      # stamps that it wrote and replaced or took back itself: nobody may ever see them


class Read(NamedTuple):
    listener: str
    replica: str | None   # None: through NGINX, so any
    sent: int             # before the request was sent
    received: int         # after the answer had come whole
    target: str
    status: int
    version: tuple | None  # (era, V) of Catalogue-Version
    fresh: bool           # it does not say that it is marked or unproven
    said: str | None      # Cache-Status
    exact: bool           # a single document: what it shows is what was true at its version
    at_least: tuple | None  # (xid, product, position) or ((era, V),), as the request asked for
    seen: dict            # {product: ((facet, stamp), …)}; () where the product is said not to exist
