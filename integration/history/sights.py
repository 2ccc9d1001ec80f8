"""What an answer shows: the stamps in it, product by product. A missing row counts as a stamp that nobody wrote."""
from .events import FACETS
from .transaction import ROWS

NOBODYS = -1


def number(text):
    return int(text) if isinstance(text, int) or (text or "").isdigit() else NOBODYS


def stamps(facet, values):
    """((facet, stamp), …), each once."""
    values = list(values)
    found = {number(value) for value in values}
    if len(values) != ROWS[facet]:
        found.add(NOBODYS)
    return tuple((facet, stamp) for stamp in found)


def card(document):
    return stamps("products", [document["slogan"]])


def product(document):
    return card(document) + stamps("features", (row[FACETS["features"]] for row in document["features"]))


def styles(document):
    results = document["results"]
    return (stamps("styles", (style["name"] for style in results)) +
            stamps("photos", (photo["url"] for style in results for photo in style["photos"])) +
            stamps("skus", (sku["quantity"] for style in results for sku in style["skus"].values())))


def cards(documents, asked):
    """Of a list: {product: what is shown}, () for those of `asked` that it leaves out."""
    shown = {document["id"]: card(document) for document in documents}
    return dict.fromkeys(asked, ()) | shown
