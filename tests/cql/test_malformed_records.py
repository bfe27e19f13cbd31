"""Whatever a record holds, a define that does not ask for an error gives a value, if only null."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .library import ENGINE, RESOURCES, evaluation

JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, 0, 2**70, Decimal("1e40"), Decimal("NaN"), "", "x", "2025-13-45", [], {}, [None], [[]],
        [5], ["x"], {"x": 1}, {"value": "7"}, {"coding": "x"}, {"coding": [5]}, [{"coding": [None]}],
        {"resourceType": "Wish"}, {"url": 5},
    ]
)  # fmt: skip
RAISES_BY_DESIGN = {"Strict Failure", "Fails"}


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in JSON."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [(value, key) for key, _ in items] + [place for _, each in items for place in places(each)]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_malformed_resources_never_end_an_evaluation(data: st.DataObject) -> None:
    resources = deepcopy(RESOURCES)
    for _ in range(data.draw(st.integers(1, 4))):
        spots = [(at, key) for at, key in places(resources) if key != "resourceType" and at is not resources]
        container, key = data.draw(st.sampled_from(spots))
        container[key] = deepcopy(data.draw(JUNK))
    running = evaluation(resources)
    for name in ENGINE.libraries()["Runtime"].defines.keys() - RAISES_BY_DESIGN:
        running.to_fhir(running.value("Runtime", name))
