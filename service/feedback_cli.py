"""What clinicians did with the cards: `sarcoma-cds feedback …`."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from service.feedback.summary import Line, summary
from service.settings import Settings
from service.store.database import Database
from service.store.errors import StoreUnavailable

_HEAD = (
    "service",
    "recommendation",
    "version",
    "cards",
    "accepted",
    "overridden",
    "accepted %",
    "override reasons",
)


@click.group()
def feedback() -> None:
    """Look at what EHRs reported about the cards."""


@feedback.command("report")
@click.option("--csv", "as_csv", is_flag=True, help="Write comma-separated values.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), help="Leave out what happened before this day (UTC)."
)
def report(as_csv: bool, since: datetime | None) -> None:
    """Acceptance and override of each recommendation, by version of the guideline.

    Cards are counted, not reports: one that was ever accepted counts as accepted. EHRs report no card that
    was left alone; how many were given is in the metrics.
    """
    database = Database(Settings().database_url)
    try:
        lines = summary(database, since.replace(tzinfo=UTC) if since else None)
    except StoreUnavailable as error:
        click.echo(f"Error: the database cannot be read ({error}).", err=True)
        sys.exit(1)
    finally:
        database.close()
    rows = [_row(line) for line in lines]
    if as_csv:
        click.echo(_csv(rows), nl=False)
    else:
        click.echo(_table(rows) if rows else "No feedback yet.")


def _row(line: Line) -> tuple[str, ...]:
    reasons = "; ".join(f"{reason} {count}" for reason, count in line.reasons.most_common())
    numbers = (str(line.cards), str(line.accepted), str(line.overridden), f"{line.acceptance:.0f}")
    return (line.service, line.recommendation, line.version, *numbers, reasons)


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_HEAD, *rows])
    return text.getvalue()


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (_HEAD, *rows)) for column in range(len(_HEAD))]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (_HEAD, *rows))
    return "\n".join("  ".join(row).rstrip() for row in cells)
