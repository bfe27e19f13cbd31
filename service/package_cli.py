"""Commands that bring the guideline to FHIR servers: `sarcoma-cds content package` and `… publish`."""

from __future__ import annotations

from pathlib import Path

import click

from service.fhir_api.package import Package, written
from service.fhir_api.publish import PublishError, Target, publish
from service.guideline import ContentError, Guideline

_FOLDER = click.argument(
    "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default="plandefinitions"
)


@click.command("package")
@_FOLDER
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="dist",
    show_default=True,
    help="Folder to write to.",
)
def package_content(folder: Path, out: Path) -> None:
    """Write FOLDER as a FHIR NPM package (.tgz) and as a transaction Bundle (.json)."""
    package = _package(folder)
    out.mkdir(parents=True, exist_ok=True)
    archive = out / f"{package.file_name}.tgz"
    archive.write_bytes(package.archive)
    bundle = out / f"{package.file_name}.transaction.json"
    bundle.write_text(written(package.transaction), encoding="utf-8")
    for path in (archive, bundle):
        click.echo(f"wrote {path}")


@click.command("publish")
@_FOLDER
@click.option("--to", "url", required=True, help="Base url of the FHIR server.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File that holds the bearer token which the server wants.",
)
def publish_content(folder: Path, url: str, token_file: Path | None) -> None:
    """Send FOLDER to a FHIR server in one transaction, and read every resource back.

    Creates what the server lacks and updates what it has, by url and version. Tells on standard error how far
    it is.
    """
    package = _package(folder)
    try:
        token = token_file.read_text(encoding="utf-8").strip() if token_file else None
        count = publish(package, Target(url, token), lambda line: click.echo(line, err=True))
    except PublishError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{count} resources of {package.file_name} can be read at {url} as they were sent.")


def _package(folder: Path) -> Package:
    try:
        return Package(Guideline.load(folder))
    except ContentError as error:
        raise click.ClickException(str(error)) from error
