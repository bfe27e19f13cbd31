"""Uuids of cards and suggestions that say what they were about: nobody need remember which were given.

The first 48 bits name the kind (service, recommendation, version of the guideline) by a digest; 74 bits are
random. Nothing of a patient is in them. They say version 4, which strict clients expect; see ADR 8.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID, uuid4

SEVERAL: Final = ("", "several")
"""System and code of the topic of a card that stands for several recommendations."""

_OURS: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Kind:
    """What a card is about. The topic is a Coding's system and code."""

    service: str
    topic_system: str
    topic_code: str
    version: str


@dataclass(frozen=True)
class Namer:
    """Names the cards and suggestions of one service, at one version of the guideline."""

    service: str
    version: str

    def __call__(self, topics: Sequence[Mapping[str, Any]]) -> str:
        """A new uuid for what has these topics (Codings)."""
        if not topics:
            return str(uuid4())
        system, code = SEVERAL if len(topics) > 1 else _coding(topics[0])
        return _new_id(_name(self.service, system, code, self.version))


def new_id(kind: Kind) -> str:
    """A uuid that was never given before, for something of this kind."""
    return _new_id(kind_name(kind))


def _new_id(name: str) -> str:
    return str(UUID(int=int(name, 16) << 80 | secrets.randbits(80), version=4))


def kind_name(kind: Kind) -> str:
    """The twelve hex digits by which a kind is known."""
    return _name(kind.service, kind.topic_system, kind.topic_code, kind.version)


@lru_cache(maxsize=4096)
def _name(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def kind_in(identifier: str) -> str | None:
    """The name of the kind in a uuid; None when it cannot be one of ours."""
    return identifier.replace("-", "")[:12] if _OURS.fullmatch(identifier) else None


def kinds_of(services: Iterable[tuple[str, Sequence[Mapping[str, Any]]]], version: str) -> Mapping[str, Kind]:
    """All kinds of cards of these services (id, topics of its cards), by name."""
    found = {}
    for service, topics in services:
        for system, code in {SEVERAL, *(_coding(topic) for topic in topics)}:
            kind = Kind(service, system, code, version)
            found[kind_name(kind)] = kind
    return found


def _coding(topic: Mapping[str, Any]) -> tuple[str, str]:
    return str(topic.get("system") or ""), str(topic.get("code") or "")
