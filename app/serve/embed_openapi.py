#!/usr/bin/python3
"""From OpenAPI as YAML, for people, to what the server holds: a C file with the description as JSON, plain and in gzip.

    embed_openapi.py openapi.yaml openapi.c

The same bytes for the same input, so that the ETag is the same on every replica of one build.
"""
import gzip
import hashlib
import json
import sys

import yaml

HASH_HEX = 32
BYTES_A_LINE = 24


def array(name, content):
    rows = (content[at:at + BYTES_A_LINE] for at in range(0, len(content), BYTES_A_LINE))
    lines = ",\n    ".join(",".join(map(str, row)) for row in rows)
    return f"static const unsigned char {name}[] = {{\n    {lines}}};\n"


def main(source, target):
    with open(source, encoding="utf-8") as file:
        document = yaml.safe_load(file)
    plain = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    packed = gzip.compress(plain, mtime=0)
    digest = hashlib.sha256(plain).hexdigest()[:HASH_HEX]
    with open(target, "w", encoding="utf-8") as file:
        file.write('#include "serve/openapi.h"\n\n')
        file.write(array("plain", plain) + array("packed", packed))
        file.write("const struct openapi openapi = {\n"
                   "    .bytes = {(const char *)plain, (const char *)packed},\n"
                   "    .length = {sizeof plain, sizeof packed},\n"
                   f'    .hash = "{digest}"}};\n')


main(*sys.argv[1:])
