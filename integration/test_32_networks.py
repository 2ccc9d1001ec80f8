"""Other ways to be connected: IPv6, Postgres over TLS, a wrong password."""
import shutil
import socket

import pytest

from atelier.http1 import Http1
from atelier.ports import free_port
from atelier.postgres import USER
from atelier.tls import Certificates
from atelier.waiting import wait_until


@pytest.fixture
def one(own_stack):
    return own_stack(replicas=1, with_nginx=False)


def restarted(replica, *options):
    replica.stop()
    replica.argv += options
    replica.start()


def get_over_ipv6(port):
    with socket.create_connection(("::1", port), timeout=5) as connection:
        connection.sendall(b"GET /products/1 HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n")
        return connection.makefile("rb").readline()


def test_ipv6_is_listened_on_where_it_is_asked_for(one):
    port = free_port()
    restarted(one.replicas[0], "--listen", f"[::1]:{port}")
    one.replicas[0].wait_ready()
    assert get_over_ipv6(port).startswith(b"HTTP/1.1 200")
    with pytest.raises(ConnectionRefusedError):
        Http1(port)  # IPv4 was not


def test_postgres_over_tls_is_verified(one):
    """sslmode=verify-full with the right authority connects, and says so; with another one it does not."""
    postgres, replica = one.postgres, one.replicas[0]
    certificates = one.certificates
    for file, name in ((certificates.certificate, "server.crt"), (certificates.key, "server.key")):
        shutil.copy(file, postgres.data / name)
        (postgres.data / name).chmod(0o600)
        shutil.chown(postgres.data / name, *(2 * [(postgres.data / "PG_VERSION").owner()]))
    with postgres.connect(USER) as admin:
        admin.execute("ALTER SYSTEM SET ssl = on")
        admin.execute("SELECT pg_reload_conf()")
    verified = f"{postgres.conninfo('atelier_reader')} sslmode=verify-full sslrootcert="
    restarted(replica, "--postgres", verified + str(certificates.ca))
    replica.wait_ready()
    with postgres.connect(USER) as admin:
        encrypted = admin.execute("SELECT bool_and(ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                                  " WHERE usename = 'atelier_reader'").fetchone()
    assert encrypted[0] and encrypted[1] >= 2, "the feed and a fetcher"
    stranger = Certificates(postgres.folder / "stranger")
    restarted(replica, "--postgres", verified + str(stranger.ca))
    wait_until("it says why it does not connect",
               lambda: [line for line in replica.logged("feed_lost") if "certificate" in line["error"]], 10)
    assert replica.get("/products/1").status == 503


def test_a_wrong_password_is_said_and_leaves_nothing_served(one):
    replica = one.replicas[0]
    conninfo = one.postgres.conninfo("atelier_reader").rsplit(" ", 1)[0] + " password=wrong"
    restarted(replica, "--postgres", conninfo)
    wait_until("it says so", lambda: [line for line in replica.logged("feed_lost") if "password" in line["error"]], 10)
    assert replica.operation("/healthz").status == 200 and replica.ready() == 503
    assert "wrong" not in replica.log_text().replace("wrong\"", "")
