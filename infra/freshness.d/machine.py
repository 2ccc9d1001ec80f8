"""The disk of a measurement: goes into its JSON."""
import os
import tempfile
import time
from statistics import median

from measuring import output_of

BLOCK, BLOCKS = bytes(8192), 200


def fdatasync_us(folder):
    """What the disk takes to keep one block: the median. On a disk of memory it is next to nothing, and so is a commit."""
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(BLOCKS):
            begun = time.perf_counter_ns()
            os.write(file.fileno(), BLOCK)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter_ns() - begun)
    return round(median(took) / 1000)


def disk(folder):
    return {"fdatasync_us": fdatasync_us(folder), "filesystem": output_of(["stat", "-f", "-c", "%T", str(folder)]).strip()}
