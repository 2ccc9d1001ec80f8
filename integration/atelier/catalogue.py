"""A small catalogue with everything that is hard about catalogues, and the documents it must turn into."""

BIGGEST = 2**63 - 1
BEYOND_DOUBLES = 2**53 + 1  # the first whole number that a double cannot hold

CONTROLS = "".join(map(chr, range(1, 32))) + "\x7f"
DIRTY = 'a "quoted" back\\slash, a solid/us, </script>, \\u0041, \\n, tab\t, line\r\nfeed'
WIDE = "Zoë 👟 🏳️‍🌈 \u2028 \u2029 \ufeff שלום e\u0301 𝄞 \uffff"

PRODUCTS = [  # id, name, slogan, description, category, default_price
    (1, "Camo Onesie", "Blend in", "The So Fatigues will wake you up.", "Jackets", "140.00"),
    (2, DIRTY, CONTROLS, DIRTY, "Quo\"tes", "69.50"),
    (3, WIDE, WIDE, "ß", "👟", "0.01"),
    (4, "Nothing around it", "s", "d", "c", "1.00"),
    (5, "No default style", "s", "d", "Shoes", "10.10"),
    (6, "Two skus of one size", "s", "d", "Shoes", "100.00"),
    (7, "Related to itself", "s", "d", "Shoes", "5.00"),
    (8, "Nulls", None, None, None, "0.00"),
    (9, "The dearest", "s", "d", "Art", "9999999999.99"),
    (10, "", "", "", "", "3.00"),
    (11, "Air Minis 250", "Full court support", "This optimized air cushion pocket…", "Basketball Shoes", "0.00"),
    (12, "Long", "s", "All work and no play. " * 3000, "Books", "12.00"),
    (BEYOND_DOUBLES, "Beyond doubles", "s", "d", "c", "2.00"),
    (BIGGEST, "The last id", "s", "d", "c", "4.00"),
] + [(id, f"Filler {id}", "s", f"Filler number {id}.", "Filler", f"{id}.00") for id in range(101, 161)]

FEATURES = [  # id, product_id, feature, value
    (1, 1, "Fabric", "Canvas"), (3, 1, "Buttons", None), (2, 1, "Buttons", "Brass"),
    (4, 2, CONTROLS, DIRTY), (5, 3, WIDE, WIDE), (6, 6, "Sole", None), (7, 6, "Sole", None), (8, 8, "", ""),
    (9, 11, "Sole", "Rubber"), (10, 11, "Material", "FullControlSkin"), (BIGGEST, BIGGEST, "Last", "id"),
]

STYLES = [  # id, product_id, name, original_price, sale_price, default_style
    (1, 1, "Forest Green & Black", "140.00", None, False), (2, 1, "Desert", "140.00", "100.00", True),
    (3, 2, DIRTY, "69.50", "0.00", True), (4, 3, WIDE, "0.01", None, True),
    (7, 5, "Second", "10.10", None, False), (6, 5, "First", "10.20", "9.99", False),
    (8, 6, "One", "100.00", None, True), (9, 9, "Gold", "9999999999.99", "9999999999.99", True),
    (10, 10, "", "0.00", None, False), (11, 11, "White", "99.00", None, True), (12, 11, "Red", "99.00", "55.00", False),
    (BIGGEST, BIGGEST, "Last", "4.00", None, True),
]

PHOTOS = [  # id, style_id, url, thumbnail_url
    (1, 1, "https://img.example/1?w=5&h=7", "https://img.example/1s"), (3, 1, None, None),
    (2, 1, "https://img.example/2", None), (4, 2, "https://img.example/\"4\"", "https://img.example/4\\s"),
    (5, 3, DIRTY, CONTROLS), (6, 4, WIDE, WIDE), (7, 11, "", ""), (BIGGEST, BIGGEST, "last", "id"),
]

SKUS = [  # id, style_id, size, quantity
    (1, 1, "XS", 8), (3, 1, "M", 17), (2, 1, "S", 16), (4, 2, "XL", 0), (5, 3, DIRTY, 1), (6, 4, WIDE, 2),
    (38, 8, "7", 3), (37, 8, "7", 5), (39, 8, "7.5", 2147483647), (40, 11, "8", 1), (41, 12, "8", 0),
    (BIGGEST, BIGGEST, "One", 1),
]

RELATED = [  # id, product_id, related_product_id
    (1, 1, 2), (2, 1, 3), (3, 1, 8), (4, 1, 7), (5, 7, 3), (6, 7, 7), (7, 7, 2), (8, 7, 3), (9, 7, 2), (10, 7, 8),
    (11, 4, 4), (12, 11, BIGGEST), (13, 11, 1), (14, BIGGEST, 11), (15, BEYOND_DOUBLES, 1),
]

_COLUMNS = {
    "products": "id, name, slogan, description, category, default_price",
    "features": "id, product_id, feature, value",
    "styles": "id, product_id, name, original_price, sale_price, default_style",
    "photos": "id, style_id, url, thumbnail_url",
    "skus": "id, style_id, size, quantity",
    "related_products": "id, product_id, related_product_id",
}
TABLES = tuple(_COLUMNS)
_ROWS = dict(zip(TABLES, (PRODUCTS, FEATURES, STYLES, PHOTOS, SKUS, RELATED)))


def insert(connection, table, rows):
    """Rows in the order of the columns above."""
    columns = _COLUMNS[table]
    places = ", ".join(["%s"] * len(columns.split(",")))
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)


def fill(connection):
    """Empties the six tables and fills them with the rows above, in one transaction."""
    with connection.transaction():
        connection.execute("TRUNCATE products CASCADE")
        for table, rows in _ROWS.items():
            insert(connection, table, rows)


def add_product(connection, id, name="New", price="1.00"):
    insert(connection, "products", [(id, name, "s", "d", "c", price)])


# ── what the documents must be, byte by byte, computed from the rows that are in the database now ──

_ESCAPES = {code: f"\\u{code:04X}" for code in range(32)}
_ESCAPES |= {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", ord('"'): '\\"', ord("\\"): "\\\\"}


def dumps(value):
    """Minified JSON, escaping only what JSON demands."""
    if isinstance(value, dict):
        return "{" + ",".join(dumps(str(key)) + ":" + dumps(item) for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, str):
        return '"' + value.translate(_ESCAPES) + '"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def body(value):
    return dumps(value).encode()


_CARD = "SELECT id, name, slogan, description, category, default_price::text FROM products "
_CARD_KEYS = ("id", "name", "slogan", "description", "category", "default_price")


def cards(connection, where="", values=()):
    """Cards in ascending order of id."""
    return [dict(zip(_CARD_KEYS, row)) for row in connection.execute(f"{_CARD} {where} ORDER BY id", values)]


def card(connection, id):
    return cards(connection, "WHERE id = %s", [id])[0]


def product(connection, id):
    rows = connection.execute("SELECT feature, value FROM features WHERE product_id = %s ORDER BY id", [id])
    return card(connection, id) | {"features": [{"feature": feature, "value": value} for feature, value in rows]}


def styles(connection, id):
    rows = connection.execute("SELECT id, name, original_price::text, sale_price::text, default_style FROM styles"
                              " WHERE product_id = %s ORDER BY id", [id]).fetchall()
    return {"product_id": str(id), "results": [_style(connection, *row) for row in rows]}


def _style(connection, id, name, original_price, sale_price, default_style):
    photos = connection.execute("SELECT thumbnail_url, url FROM photos WHERE style_id = %s ORDER BY id", [id])
    skus = connection.execute("SELECT id, quantity, size FROM skus WHERE style_id = %s ORDER BY id", [id])
    return {"style_id": id, "name": name, "original_price": original_price, "sale_price": sale_price,
            "default?": default_style, "photos": [{"thumbnail_url": small, "url": url} for small, url in photos],
            "skus": {sku: {"quantity": quantity, "size": size} for sku, quantity, size in skus}}


def related(connection, id):
    rows = connection.execute("SELECT related_product_id FROM related_products WHERE product_id = %s"
                              " AND related_product_id <> product_id ORDER BY id", [id])
    return list(dict.fromkeys(row[0] for row in rows))


DOCUMENTS = {"/products/{}": product, "/products/{}/styles": styles, "/products/{}/related": related}


def documents(connection, id):
    """{target: body} of the product's three documents."""
    return {target.format(id): body(made(connection, id)) for target, made in DOCUMENTS.items()}


def all_documents(connection):
    ids = [row[0] for row in connection.execute("SELECT id FROM products ORDER BY id")]
    return {target: document for id in ids for target, document in documents(connection, id).items()}
