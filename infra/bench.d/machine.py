"""The versions of what was measured, and of what measured it: they go into its JSON."""
from measuring import find, output_of

VERSIONS = {  # name: command, and where in its output the version is
    "gcc": (["gcc", "--version"], r"(\d+\.\d+\.\d+)$"),
    "h2load": (["h2load", "--version"], r"nghttp2/(\S+)"),
    "libh2o": (["dpkg-query", "-W", "-f", "${Version}", "libh2o-evloop0.13"], r"(\S+)"),
    "nginx": (["nginx", "-v"], r"nginx/(\S+)"),
    "openssl": (["openssl", "version"], r"OpenSSL (\S+)"),
    "wrk": (["wrk", "-v"], r"wrk (\S+)"),
}


def versions():
    return {name: find(pattern, output_of(command)) for name, (command, pattern) in VERSIONS.items()}
