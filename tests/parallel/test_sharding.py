"""Where arrays lie: on which devices of which hosts."""

import pytest

from data_pipelines.errors import UserError
from gapjax.parallel.sharding import check_shares


def test_hosts_have_equal_shares_of_the_devices() -> None:
    check_shares([0, 0, 1, 1], 2)
    check_shares([0], 1)
    for hosts, told in (([0, 0, 1], "2 + 1"), ([0], "1 + 0")):
        with pytest.raises(UserError, match=told.replace("+", r"\+") + " devices.*mesh.devices=0"):
            check_shares(hosts, 2)
