"""The names of what is measured, as they stand in the JSON and the tables."""
from measuring import REPLICAS

ALL = "all replicas"

OURS, BESIDE, ALONE = KINDS = ("ours", "beside", "alone")
SUBSCRIBERS = {BESIDE: "baseline beside", ALONE: "baseline alone"}  # {kind of run: the subscriber's series in it}

WITHOUT, LOG, NOTIFICATION, DUTY, POLLING = VARIANTS = (
    "without triggers", "log alone", "notification", "duty", "polling only")
DUTY_TO_LOG = "duty ÷ log alone"  # what duty adds to what the triggers cost anyway
