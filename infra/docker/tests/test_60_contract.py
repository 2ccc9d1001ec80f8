"""The contract's own tests (integration/), through the three ports that the containers publish."""
from test_20_documents import *  # noqa: F403
from test_21_lists import *  # noqa: F403
from test_22_validators import *  # noqa: F403
from test_24_errors import *  # noqa: F403
