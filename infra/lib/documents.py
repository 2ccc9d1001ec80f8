"""The documents, as the server under test gives them: for bare libh2o in one file, for NGINX as files, and as lists of
requests for the generators."""
import random

from atelier.http1 import Http1

# Of the response head: libh2o adds the first four by itself, and the last one comes only when something is out of the
# ordinary, such as a machine so busy that Postgres is not heard of for a while.
NOT_OURS = ("date", "server", "connection", "content-length", "cache-status")
PAGE = 1000
AT_ONCE = 50            # requests under way on one connection
A_CONNECTION = 10_000   # requests; the server would end an old connection, and what is under way on it


def own_headers(response):
    return [(name, value) for name, value in response.headers if name not in NOT_OURS]


def all_ids(client):
    """Of every product, ascending."""
    ids = []
    while True:
        page = client.get(f"/products?after={ids[-1] if ids else 0}&count={PAGE}").json()
        ids += [card["id"] for card in page]
        if len(page) < PAGE:
            return ids


def in_groups(items, size):
    return (items[at:at + size] for at in range(0, len(items), size))


def get_all(port, targets):
    """Yields (target, response) in this order; RuntimeError for what is not a 200."""
    for some in in_groups(targets, A_CONNECTION):
        with Http1(port) as client:
            for group in in_groups(some, AT_ONCE):
                for target in group:
                    client.send("GET", target)
                for target in group:
                    response = client.receive()
                    if response.status != 200:
                        raise RuntimeError(f"{target} is answered with {response.status}: {response.body[:200]!r}")
                    yield target, response


def write_lists(folder, name, lists):
    """A file for each list of targets."""
    files = [folder / f"{name}-{number}" for number in range(len(lists))]
    for file, targets in zip(files, lists):
        file.write_text("".join(f"{target}\n" for target in targets))
    return files


class Documents:
    """`suffix`: what follows /products/ID in the path. Reads everything from the server at `port`. `tree`: as files, too."""

    def __init__(self, folder, port, suffix, tree=True):
        self.tree, self.packed, self.head = tree and folder / "tree", folder / "documents", folder / "head"
        self.bytes = 0
        with Http1(port) as client:
            self.targets = {id: f"/products/{id}{suffix}" for id in all_ids(client)}
        with open(self.packed, "wb") as packed:
            for id, (target, response) in zip(self.targets, get_all(port, list(self.targets.values()))):
                if tree:
                    self._write_file(target, response.body)
                packed.write(f"{id} {len(response.body)} {response['etag']}\n".encode() + response.body)
                self.bytes += len(response.body)
        self.head.write_text("".join(f"{name}: {value}\n" for name, value in own_headers(response)))
        self.count = len(self.targets)
        self.spare = 0

    def lie_like(self, entry_bytes):
        """Bare libh2o's documents shall lie as far apart in memory as entries of this mean size do."""
        self.spare = max(0, entry_bytes - self.bytes // self.count)

    def _write_file(self, target, body):
        path = self.tree / target[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def sample(self, chance, count):
        """{target: the file's body} for some products."""
        return {target: (self.tree / target[1:]).read_bytes()
                for target in chance.sample(list(self.targets.values()), min(count, self.count))}

    def write_lists(self, folder, seed, count, length):
        """`count` files of `length` targets each, drawn uniformly: the same for the same seed and catalogue."""
        targets = list(self.targets.values())
        return write_lists(folder, "targets", [random.Random(seed * 1000 + number).choices(targets, k=length)
                                               for number in range(count)])
