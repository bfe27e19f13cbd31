"""The instruments: the patients they measure on, the load and the plot. Not the figures."""

import json
from xml.etree import ElementTree

import pytest

from tests.bench import measures, patients
from tests.bench.floor import create_app
from tests.bench.load import quantile
from tests.bench.plot import svg


@pytest.mark.parametrize("size", [20, 200])
def test_records_have_their_size_and_are_asked_about(size: int) -> None:
    record = patients.record(size)
    assert len(record) == size + 1
    assert len({(each["resourceType"], each["id"]) for each in record}) == size + 1
    prefetch = json.loads(measures.request_body(size))["prefetch"]
    held = sum(
        len(value.get("entry", ())) for value in prefetch.values() if value["resourceType"] == "Bundle"
    )
    assert held == size


def test_the_request_is_one_that_a_card_answers() -> None:
    assert len(json.loads(measures.own_work(60)())["cards"]) == 1


def test_the_floor_answers() -> None:
    answer = create_app().test_client().post("/cds-services/any", json={})
    assert answer.get_json() == {"cards": []}


def test_quantile() -> None:
    assert [quantile([1.0, 2.0, 3.0, 4.0], part) for part in (0.0, 0.5, 0.99)] == [1.0, 3.0, 4.0]


def test_the_plot_is_svg_with_every_point() -> None:
    root = ElementTree.fromstring(svg([(1, 2), (3, 4)], "t", "x", "y"))  # noqa: S314 -- our own
    assert len(root.findall("{http://www.w3.org/2000/svg}circle")) == 2
