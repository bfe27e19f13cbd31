"""What the service offers: the body of `GET /cds-services`."""

from __future__ import annotations

from typing import Any

from service.cds_hooks.hooks import HOOKS, SPECIFICATION_VERSION, Hook
from service.guideline import Guideline, HookPlan


def discovery(guideline: Guideline) -> dict[str, Any]:
    """One entry a plan, in order; members without a value are left out (CDS Hooks 2.0.1 "Discovery")."""
    prefetch = {need.key: need.template for need in guideline.data_needs}
    return {"services": [_entry(plan, prefetch) for plan in guideline.hooks]}


def _entry(plan: HookPlan, prefetch: dict[str, str]) -> dict[str, Any]:
    members = {
        "hook": plan.hook,
        "title": plan.title,
        "description": plan.description or plan.title,
        "id": plan.id,
        "prefetch": prefetch,
        "usageRequirements": plan.usage_requirements,
        "version": SPECIFICATION_VERSION,
        "hookVersion": HOOKS.get(plan.hook, Hook("")).version,
    }
    return {name: value for name, value in members.items() if value}
