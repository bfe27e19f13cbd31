"""Commands for those who write the guideline: `sarcoma-cds content …`."""

from pathlib import Path

import click

from service.guideline.build import BuildError, build, out_of_step
from service.package_cli import package_content, publish_content


@click.group()
def content() -> None:
    """Work on the guideline's content."""


content.add_command(package_content)
content.add_command(publish_content)


@content.command("build")
@click.argument(
    "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default="plandefinitions"
)
@click.option(
    "--check", is_flag=True, help="Change nothing; fail when a library is out of step with its CQL."
)
@click.option(
    "--translator",
    type=click.Path(path_type=Path),
    help="The CQL-to-ELM translator; FOLDER/authoring/cql-to-elm unless given.",
)
@click.option("--text-only", is_flag=True, help="With --check: compare the CQL text, without the translator.")
def build_content(folder: Path, check: bool, translator: Path | None, text_only: bool) -> None:
    """Compile FOLDER/cql and embed CQL and ELM in FOLDER/library (FOLDER: plandefinitions)."""
    if text_only and not check:
        raise click.UsageError("--text-only is for --check")
    translator = translator or folder / "authoring" / "cql-to-elm"
    try:
        if check:
            found = out_of_step(folder, None if text_only else translator)
            if found:
                raise click.ClickException("\n".join((*found, "run: make content")))
            click.echo("The libraries are in step with their CQL.")
            return
        changed = build(folder, translator)
    except BuildError as error:
        raise click.ClickException(str(error)) from error
    for path in changed:
        click.echo(f"wrote {path}")
    if not changed:
        click.echo("Nothing to change.")


if __name__ == "__main__":
    content()
