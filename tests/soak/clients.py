"""Clients that call again and again over connections that stay open, and look at each answer."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

_UUID = re.compile(r'"uuid": "[0-9a-f-]{36}"')


@dataclass(frozen=True)
class Question:
    """A request, and its answer without what differs each time; `expected` is None until it is known."""

    name: str
    path: str
    body: bytes
    status: int = 200
    expected: str | None = None


@dataclass
class Tally:
    """What came of the calls."""

    right: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Milliseconds that this share of the calls took at most."""
        ordered = sorted(self.seconds)
        return round(ordered[int(share * (len(ordered) - 1))] * 1000, 1) if ordered else 0.0


def settled(text: str) -> str:
    """An answer without the uuids, which are new each time."""
    return _UUID.sub('"uuid": ""', text)


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: Question
) -> tuple[int, str]:
    """One call over an open connection: status and text."""
    head = (
        f"POST {question.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(question.body)}\r\n\r\n"
    )
    writer.write(head.encode() + question.body)
    await writer.drain()
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    text = (await reader.readexactly(int(fields["content-length"]))).decode()
    return int(lines[0].split()[1]), text


async def learn(port: int, questions: Sequence[Question]) -> list[Question]:
    """The questions with the answers that a lone client gets."""
    known = []
    for question in questions:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        status, text = await ask(reader, writer, question)
        writer.close()
        if status != question.status:
            raise SystemExit(f"{question.name}: {status} {text}")
        known.append(replace(question, expected=settled(text)))
    return known


async def call_for(
    port: int, questions: Sequence[Question], clients: int, seconds: float, calls: int | None = None
) -> Tally:
    """So many clients at once, until the time is up or, together, they made `calls`."""
    tally = Tally()
    end = perf_counter() + seconds
    left = [calls if calls is not None else 10**9]
    await asyncio.gather(*(_client(port, questions, number, end, left, tally) for number in range(clients)))
    return tally


async def _client(
    port: int, questions: Sequence[Question], number: int, end: float, left: list[int], tally: Tally
) -> None:
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    turn = number
    while perf_counter() < end and left[0] > 0:
        left[0] -= 1
        question = questions[turn % len(questions)]
        turn += 1
        started = perf_counter()
        try:
            connection = connection or await asyncio.open_connection("127.0.0.1", port)
            status, text = await ask(*connection, question)
        except (OSError, asyncio.IncompleteReadError) as error:
            tally.faults[type(error).__name__] += 1
            _drop(connection)
            connection = None
            continue
        tally.seconds.append(perf_counter() - started)
        if status == question.status and settled(text) == question.expected:
            tally.right += 1
        else:
            tally.faults[f"{question.name}: {status}"] += 1
    _drop(connection)


def _drop(connection: Any) -> None:
    if connection is not None:
        connection[1].close()
