"""Case files: guideline cases as YAML, read strictly, so that a misspelt key is never a test that passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cases.expectation import Expectation

FOLDER = Path(__file__).parent
HOOKS = ("patient-view", "order-select", "order-sign")

_FILE_KEYS = {"about", "source", "cases"}
_CASE_KEYS = {"id", "says", "hook", "patient", "drafts", "selected", "country", "expect"}


@dataclass(frozen=True)
class Case:
    """One patient, one hook, and what must hold of the answer."""

    id: str
    """Unique: the file's name, then the case's own id."""
    says: str
    source: str
    hook: str
    patient: tuple[str, ...]
    drafts: tuple[str, ...]
    selected: tuple[str, ...]
    country: str
    expect: Expectation


class _StrictLoader(yaml.SafeLoader):
    """YAML in which no key stands twice: of two, one would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of this node. Raises ValueError when a key stands twice."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"{node.start_mark}: keys that stand twice: {twice}")
        return super().construct_mapping(node, deep=deep)


def all_cases() -> list[Case]:
    """Every case of every file, in order. Raises ValueError on a file or case that is not well formed."""
    cases = [case for path in sorted(FOLDER.glob("*/*.yaml")) for case in read(path)]
    ids = [case.id for case in cases]
    repeated = {one for one in ids if ids.count(one) > 1}
    if repeated:
        raise ValueError(f"case ids used twice: {sorted(repeated)}")
    return cases


def read(path: Path) -> Iterator[Case]:
    """The cases of one file."""
    content = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)  # noqa: S506 - a SafeLoader
    _keys(content, _FILE_KEYS, required=_FILE_KEYS, where=path.name)
    for case in content["cases"]:
        where = f"{path.stem}/{case.get('id', '?')}"
        _keys(case, _CASE_KEYS, required={"id", "says", "hook", "patient", "expect"}, where=where)
        yield _case(case, where, str(content["source"]))


def _case(case: Mapping[str, Any], where: str, source: str) -> Case:
    hook = case["hook"]
    drafts = tuple(case.get("drafts", ()))
    selected = tuple(case.get("selected", drafts))
    if hook not in HOOKS:
        raise ValueError(f"{where}: no hook {hook!r}")
    if bool(drafts) == (hook == "patient-view"):
        raise ValueError(f"{where}: drafts belong to the order hooks, and only there")
    if not set(selected) <= set(drafts):
        raise ValueError(f"{where}: selected drafts are not among the drafts")
    if "selected" in case and hook != "order-select":
        raise ValueError(f"{where}: only order-select has selections")
    return Case(
        id=where,
        says=case["says"],
        source=source,
        hook=hook,
        patient=tuple(case["patient"]),
        drafts=drafts,
        selected=selected,
        country=case.get("country", "US"),
        expect=Expectation.read(case["expect"], drafts, where),
    )


def _keys(found: Mapping[str, Any], known: set[str], required: set[str], where: str) -> None:
    if unknown := set(found) - known:
        raise ValueError(f"{where}: unknown keys {sorted(unknown)}")
    if lacking := required - set(found):
        raise ValueError(f"{where}: lacks {sorted(lacking)}")
