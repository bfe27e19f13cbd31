"""What clinicians did with the cards: `sarcoma-cds feedback …`."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click

from service.feedback.retention import prune
from service.feedback.summary import Line, summary
from service.settings import NotConfigured, Settings
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
    """Look at what EHRs reported about the cards, and delete what is old."""


@feedback.command("report")
@click.option("--csv", "as_csv", is_flag=True, help="Write comma-separated values.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), help="Leave out what happened before this day (UTC)."
)
@click.option("--by-client", is_flag=True, help="Count the reports of each EHR for themselves.")
def report(as_csv: bool, since: datetime | None, by_client: bool) -> None:
    """Acceptance and override of each recommendation, by version of the guideline.

    Cards are counted, not reports: one that was ever accepted counts as accepted. EHRs report no card that
    was left alone; how many were given is in the metrics.
    """
    with _database() as database:
        lines = summary(database, since.replace(tzinfo=UTC) if since else None, by_client)
    head = ("client", *_HEAD) if by_client else _HEAD
    rows = [(line.client, *_row(line)) if by_client else _row(line) for line in lines]
    if as_csv:
        click.echo(_csv([head, *rows]), nl=False)
    else:
        click.echo(_table([head, *rows]) if rows else "No feedback yet.")


@feedback.command("prune")
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(1, 36_500),
    required=True,
    metavar="DAYS",
    help="Delete what was received longer ago than so many days.",
)
@click.option("--dry-run", is_flag=True, help="Say how many reports that is, and delete none.")
def prune_reports(days: int, dry_run: bool) -> None:
    """Delete old reports for good. Nothing deletes any by itself."""
    before = datetime.now(UTC) - timedelta(days=days)
    with _database() as database:
        count = prune(database, before, dry_run)
    what = "Would delete" if dry_run else "Deleted"
    click.echo(
        f"{what} {count} {'report' if count == 1 else 'reports'} received before {before:%Y-%m-%d %H:%M} UTC."
    )


@contextmanager
def _database() -> Iterator[Database]:
    """The database of the settings; what keeps it from being used is said in words."""
    try:
        database = Database(Settings.from_environment().database_url)
    except NotConfigured as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    try:
        yield database
    except StoreUnavailable as error:
        click.echo(f"Error: the database cannot be used ({error}).", err=True)
        sys.exit(1)
    finally:
        database.close()


def _row(line: Line) -> tuple[str, ...]:
    reasons = "; ".join(f"{reason} {count}" for reason, count in line.reasons.most_common())
    numbers = (str(line.cards), str(line.accepted), str(line.overridden), f"{line.acceptance:.0f}")
    return (line.service, line.recommendation, line.version, *numbers, reasons)


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return "\n".join("  ".join(row).rstrip() for row in cells)
