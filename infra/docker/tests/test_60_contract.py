"""The contract's own tests (integration/), through the three ports that the containers publish."""
from test_20_documents import *  # noqa: F403
from test_21_lists import *  # noqa: F403
from test_22_validators import *  # noqa: F403
from test_24_errors import *  # noqa: F403

# These speak to a replica's own port, which is not published.
del test_many_streams_at_once_each_get_their_own_answer  # noqa: F821
del test_pipelined_requests_are_answered_in_order  # noqa: F821
del test_a_chunked_body_is_ignored_or_refused_just_so  # noqa: F821
del test_a_client_that_expects_to_be_asked_for_its_body_is_answered  # noqa: F821
del test_an_http_1_0_client_is_served  # noqa: F821
