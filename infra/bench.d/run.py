"""Measures this server, bare libh2o and NGINX against each other: what infra/bench runs.

The words are infra/bench's own; --check only says whether they are acceptable.
"""
import contextlib
import json
import os
import random
import sys
from datetime import datetime, timezone

import table
from settings import DOCUMENTS, HERE, parse
from measuring import commit, copy_of, machine, main, result_file, say, scratch
from servers import BARE, OURS, build_bare

SAMPLE = 50  # documents compared byte by byte, on each server and protocol


class Bench:
    """The servers and their documents; everything lives in `folder` and ends with the ExitStack."""

    def __init__(self, settings, folder, ending):
        self.settings, self.folder, self.ending = settings, folder, ending
        self.core, generator_core = settings.cores
        os.sched_setaffinity(0, {generator_core})  # for all that is started from here on; servers are pinned apart
        self.runs = []

    def prepare(self):
        from atelier.process import run_checked
        from atelier.build import program
        from atelier.postgres import Postgres
        from atelier.tls import Certificates
        settings = self.settings
        bare = build_bare(self.folder)
        postgres = self.ending.enter_context(Postgres(self.folder / "postgres")).create()
        run_checked([program("atelier-catalogue"), "generate", "--products", settings.products, "--seed", settings.seed,
                     "--load", "--postgres", postgres.conninfo("atelier_owner")], limit=300)
        self.start_servers(copy_of(program("atelierd"), self.folder), bare, postgres, Certificates(self.folder / "tls"))

    def start_servers(self, atelierd, bare, postgres, certificates):
        from documents import Documents
        from generators import LIST_LENGTH, LISTS
        from nginx import Nginx
        from servers import Atelierd, Bare
        from summary import BEFORE
        settings = self.settings
        ours = self.add(Atelierd(OURS, atelierd, self.core, self.folder, postgres, certificates))
        self.documents = Documents(self.folder, ours.clear, DOCUMENTS[settings.document])
        metrics = ours.metrics()
        self.documents.lie_like(int(metrics.total("atelier_cache_bytes") / metrics.total("atelier_cache_entries")))
        self.lists = self.documents.write_lists(self.folder, settings.seed, LISTS, LIST_LENGTH)
        self.servers = [ours, self.add(Bare(bare, self.core, self.folder, certificates, self.documents)),
                        self.add(Nginx(self.core, self.folder, certificates, self.documents))]
        if settings.before:
            before = copy_of(settings.before, self.folder)
            self.servers.append(self.add(Atelierd(BEFORE, before, self.core, self.folder, postgres, certificates)))
        self.certificates = certificates

    def add(self, server):
        return self.ending.enter_context(server).up()

    def check(self):
        """The same bytes from all servers in all protocols; the same head, value by value as long, from bare libh2o."""
        from atelier.http1 import Http1
        from atelier.http2 import Http2
        clients = {"http1": (Http1, lambda: None), "h2c": (Http2, lambda: None),
                   "h2": (Http2, self.certificates.context)}
        expected = self.documents.sample(random.Random(self.settings.seed), SAMPLE)
        for protocol in self.settings.protocols:
            make, tls = clients[protocol]
            heads = {server.name: self.compare(server, make(server.ports()[protocol], tls()), expected)
                     for server in self.servers}
            if heads[OURS] != heads[BARE]:
                raise RuntimeError(f"{protocol}: the heads differ: {OURS} {heads[OURS]}, {BARE} {heads[BARE]}")

    def compare(self, server, client, expected):
        from documents import own_headers
        with client:
            for target, body in expected.items():
                response = client.get(target)
                if (response.status, response.body) != (200, body):
                    raise RuntimeError(f"{server.name} answers {target} with {response.status} and other bytes")
        return sorted((name, len(value)) for name, value in own_headers(response))

    def measure(self, round):
        """One run of each server in each protocol. Round 0 warms up and does not count."""
        for protocol in self.settings.protocols:
            for server in self.servers:
                run = self.measure_one(round, protocol, server)
                if round:
                    self.runs.append(run)

    def measure_one(self, round, protocol, server):
        from generators import measure_load
        port, seconds = server.ports()[protocol], self.settings.seconds
        return {"round": round, "protocol": protocol, "server": server.name,
                **measure_load(server.name, server.pid, protocol, port, self.lists, seconds)}

    def result(self):
        from machine import versions
        from summary import summarize
        settings, documents = self.settings, self.documents
        setup = {"products": documents.count, "document": settings.document,
                 "document_bytes": documents.bytes // documents.count, "seed": settings.seed, "rounds": settings.rounds,
                 "seconds": settings.seconds, "server_core": settings.cores[0], "generator_core": settings.cores[1]}
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return {"date": now, "commit": commit("infra/bench.d", "infra/lib/*.py"), "machine": machine(), "versions": versions(), "setup": setup,
                "summary": summarize(self.runs), "runs": self.runs}


def bench(settings):
    with contextlib.ExitStack() as ending:
        folder = ending.enter_context(scratch("bench"))
        run = Bench(settings, folder, ending)
        say(f"Postgres, {settings.products} products, the servers …")
        run.prepare()
        say("the same answers from all of them?")
        run.check()
        for round in range(settings.rounds + 1):
            say(f"round {round} of {settings.rounds} …" if round else "warm-up …")
            run.measure(round)
        return run.result()


def work(settings):
    result = bench(settings)
    output = settings.output or result_file(HERE, result["date"], result["commit"])
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    say("\n" + table.text(result) + f"\n{output}")


if __name__ == "__main__":
    sys.exit(main("infra/bench", sys.argv[1:], parse, work))
