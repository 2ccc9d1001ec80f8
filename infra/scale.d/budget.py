"""The time that is left, and whether another size fits into it."""
import time

# What a part takes on two cores: seconds whatever the size, and microseconds a product. Only to begin with: what the sizes
# before really took corrects it.
COSTS = {"load": (3, 200), "data": (3, 400), "start": (15, 400), "replica": (2, 60), "memory": (0, 0), "lists": (35, 0),
         "ids": (45, 120), "refresh": (15, 0), "bulk": (45, 30)}
WITHOUT_REPLICA = {"data", "start"}


def estimate(products, parts):
    """Seconds."""
    names = ["load", *parts, *(["replica"] if set(parts) - WITHOUT_REPLICA else [])]
    return sum(fixed + per_product * products / 1e6 for fixed, per_product in (COSTS[name] for name in names))


class Budget:
    def __init__(self, seconds, parts, clock=time.monotonic):
        self.clock, self.parts = clock, parts
        self.end = clock() + seconds
        self.factor = 1.0  # of the estimates: what the slowest size before took, to what was estimated

    @property
    def left(self):
        return self.end - self.clock()

    def needed(self, products):
        return estimate(products, self.parts) * self.factor

    def fits(self, products):
        return self.needed(products) <= self.left

    def took(self, products, seconds):
        """To be told after each size."""
        self.factor = max(self.factor, seconds / estimate(products, self.parts))
