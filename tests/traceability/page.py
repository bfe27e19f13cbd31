"""The page docs/traceability.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from tests.traceability.recommendations import (
    SOURCES,
    Recommendation,
    all_left_out,
    all_recommendations,
)
from tests.traceability.ties import ties

PAGE = Path(__file__).resolve().parents[2] / "docs" / "traceability.md"

_MOST = 3
"""Cases named for one recommendation; the rest are counted."""

_HEAD = """# Traceability

From a paragraph of the sources to the recommendation, to the FHIR action that says it, to the cases that
show it. `make docs` writes this page from `tests/traceability/` (the recommendations, for clinicians to
read and correct), `plandefinitions/` (the actions) and `tests/cases/` (the cases, put to the guideline).
Tests fail when a recommendation has no case, an action no recommendation, or a case shows nothing.

- **Strength**: *all* or *some* patients of the group; *first choice* (alternatives of it); *caution* (a check
  on orders); *note* (words on a card or an order); *definition* (who belongs to the group).
- **Where**: the block of the section (a treatment) and the paragraph in it. The sources are not repeated.
- **Action**: PlanDefinition id / action id.
- **Cases**: file / case in `tests/cases/`. "Held back" counts the cases in which the recommendation must not
  show. `python -m tests.traceability A-14.2` lists everything about one recommendation.
"""


def page() -> str:
    """The page, as it should be."""
    recommendations = all_recommendations()
    parts = [_HEAD, _counts(recommendations)]
    for source in SOURCES:
        rows = [each for each in recommendations if each.source == source]
        parts.append(f"## {source}: {SOURCES[source]}\n")
        for section, group in groupby(rows, key=lambda each: each.section):
            parts.append(f"### {section}\n\n{_table(list(group))}\n")
    parts.append(_appendix())
    return "\n".join(parts)


def in_full(recommendation: Recommendation) -> str:
    """Everything about one recommendation."""
    found = ties()
    lines = [f"{recommendation.id} ({recommendation.strength}): {recommendation.says}"]
    lines.append(f"  where: {recommendation.section}; {_where(recommendation)}")
    lines += [f"  action: {path}" for path in sorted(one.path for one in recommendation.actions())]
    lines += [f"  shown by: {case}" for case in found.shown.get(recommendation.id, ())]
    lines += [f"  held back by: {case}" for case in found.held_back.get(recommendation.id, ())]
    return "\n".join(lines)


def _counts(recommendations: Sequence[Recommendation]) -> str:
    found = ties()
    return (
        f"{len(recommendations)} recommendations, {len(found.cases)} cases, "
        f"{len(all_left_out())} kinds of statement left out (see the end).\n"
    )


def _table(rows: Sequence[Recommendation]) -> str:
    head = ["| Id | Strength | Says | Where | Action | Cases |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *(_row(each) for each in rows)])


def _row(each: Recommendation) -> str:
    says = each.says if not each.also_in else f"{each.says} (Also: {each.also_in}.)"
    actions = "<br>".join(f"`{home}`" for home in _homes(each)) or "no card"
    return f"| {each.id} | {each.strength} | {says} | {_where(each)} | {actions} | {_cases(each)} |"


def _where(each: Recommendation) -> str:
    return each.block if each.paragraph == "-" else f"{each.block}, {each.paragraph}"


def _homes(each: Recommendation) -> Iterator[str]:
    yield from dict.fromkeys(home for action in each.actions() for home in action.homes)


def _cases(each: Recommendation) -> str:
    shown = ties().shown.get(each.id, ())
    held_back = len(ties().held_back.get(each.id, ()))
    named = "<br>".join(f"`{case}`" for case in shown[:_MOST])
    more = f"<br>and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
    return f"{named}{more}" + (f"<br>held back: {held_back}" if held_back else "")


def _appendix() -> str:
    lines = [
        "## Left out\n",
        "What the sources state and no card decides by, and why.\n",
        "| Source | Where | What it states | Why it is left out |",
        "|---|---|---|---|",
    ]
    lines += [f"| {row.source} | {row.where} | {row.says} | {row.why} |" for row in all_left_out()]
    return "\n".join(lines) + "\n"
