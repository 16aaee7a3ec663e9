"""Whatever a ruleset has come to, a scan is good or fails with its name, and nothing that explains it crashes."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_calico.accounting.cardinality import CardinalityChoice
from tests.damage.histories import histories, random_node
from tests.damage.product import Product

LIMITS = (CardinalityChoice(), CardinalityChoice(omit_zeros=True), CardinalityChoice(limit=60))


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_every_scan_of_a_damaged_history_is_good_or_fails_with_its_name(choose: Random) -> None:
    node = random_node(choose)
    product = Product(node, choose.choice(LIMITS))
    for look in histories(choose, node):
        product.look(look)
