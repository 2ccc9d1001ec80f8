"""Memory: what a replica that has just loaded the catalogue holds beside its documents."""

OVERHEAD_SHARE, OVERHEAD_BYTES = 0.15, 64  # what is allowed: of the payload, and a product


def allowed_bytes(payload_bytes, products):
    return OVERHEAD_SHARE * payload_bytes + OVERHEAD_BYTES * products


def summarize(products, payload_bytes, resident_bytes):
    overhead = resident_bytes - payload_bytes
    return {"payload_mb": payload_bytes / 1e6, "resident_mb": resident_bytes / 1e6,
            "payload_a_product": payload_bytes / products, "resident_a_product": resident_bytes / products,
            "overhead_a_product": overhead / products, "overhead_to_allowed": overhead / allowed_bytes(payload_bytes, products)}


def measure(world):
    status = world.replica.operation("/status").json()
    return {"summary": summarize(status["products"], status["memory"]["payload_bytes"], status["resident_bytes"]), "status": status}
