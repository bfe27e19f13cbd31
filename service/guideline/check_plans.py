"""Content rules for PlanDefinition.action: what a card needs, and that everything said has a source."""

from __future__ import annotations

from service.guideline.content import Content, Problems, Resource
from service.guideline.cursor import Cursor
from service.guideline.plans import walk

LONGEST_TITLE = 140
"""Characters of a title: CDS Hooks 2.0, Card.summary is shorter than this."""
_CARD_PRIORITIES = ("routine", "urgent", "stat")


def check_actions(plan: Cursor) -> None:
    """The rules that a PlanDefinition must keep by itself."""
    for action in walk(plan):
        if action.text("id") is None:
            action.problem("has no id: traces and cards name actions by it")
        if not any(
            name in action.body for name in ("title", "description", "textEquivalent", "definitionCanonical")
        ):
            action.problem("says nothing: neither title nor description nor definition", "title")
        for documentation in action.each("documentation"):
            for name in ("display", "url"):
                if documentation.text(name) is None:
                    documentation.problem("is missing", name)
    for action in plan.each("action"):
        if "trigger" in action.body:
            _check_card(action)


def _check_card(action: Cursor) -> None:
    for name in ("title", "description"):
        if action.text(name) is None:
            action.problem("is missing: each top-level action becomes a card", name)
    if len(action.text("title") or "") >= LONGEST_TITLE:
        action.problem(f"has {LONGEST_TITLE} characters or more", "title")
    if action.text("priority") not in _CARD_PRIORITIES:
        action.problem(f"is not one of {', '.join(_CARD_PRIORITIES)}", "priority")
    if not action.body.get("documentation"):
        action.problem("is missing: a card names its source", "documentation")
    coding = action.first("code").first("coding")
    if coding.text("system") is None or coding.text("code") is None:
        action.problem("has no coding: a card has a topic", "code")
    options = [
        child
        for child in action.each("action")
        if "definitionCanonical" in child.body or "action" in child.body
    ]
    if len(options) > 1 and "selectionBehavior" not in action.body:
        action.problem("is missing: there are alternatives beneath", "selectionBehavior")


def check_documented(content: Content, problems: Problems) -> None:
    """Report actions with a definition or a decision that no documentation covers, not even a parent's."""
    seen: set[tuple[str, bool]] = set()
    for plan in content.of_type("PlanDefinition"):
        cursor = Cursor.of(plan, problems)
        if any("trigger" in action.body for action in cursor.each("action")):
            _visit(plan, content, problems, seen, covered=False)


def _visit(
    plan: Resource, content: Content, problems: Problems, seen: set[tuple[str, bool]], *, covered: bool
) -> None:
    if (plan.url, covered) in seen:
        return
    seen.add((plan.url, covered))

    def visit(parent: Cursor, covered: bool) -> None:
        for action in parent.each("action"):
            inside = covered or bool(action.body.get("documentation"))
            if not inside and any(
                name in action.body for name in ("definitionCanonical", "condition", "dynamicValue")
            ):
                action.problem("is missing, here and on the actions that lead here", "documentation")
            nested = content.resolve(str(action.body.get("definitionCanonical")))
            if nested is not None and nested.type == "PlanDefinition":
                _visit(nested, content, problems, seen, covered=inside)
            visit(action, inside)

    visit(Cursor.of(plan, problems), covered)
