"""The command line: `sarcoma-cds serve`, `evaluate` and `content`.

Exit codes: 0 done; 1 failed; 2 wrong usage or unreadable input; 3 the answer needs data that the input lacks;
4 the guideline's content does not check out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from service.cds_hooks.answer import Answer, answer
from service.cds_hooks.envelope import Call, call_of
from service.cds_hooks.exact_json import dumps, loads
from service.cds_hooks.hooks import HOOKS
from service.content_cli import content
from service.cql import CqlError
from service.errors import ServiceError, outcome_for
from service.feedback_cli import feedback
from service.guideline import ContentError, Guideline, GuidelineError, HookPlan, TraceEntry
from service.guideline.check import check_guideline
from service.patient import PatientDataError, bare_patient_id, is_id
from service.settings import NotConfigured, Settings

_GUNICORN_CONFIG = Path(__file__).resolve().parent.parent / "deploy" / "gunicorn.conf.py"
_NUMBERS = ("WEB_CONCURRENCY", "WEB_THREADS", "WEB_REQUEST_SECONDS")
_CONTENT_OPTION = click.option(
    "--content",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the guideline; the setting content_dir unless given.",
)


@click.group()
@click.version_option(package_name="sarcoma-cds")
def main() -> None:
    """A guideline as a CDS Hooks service."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", type=click.IntRange(min=1), help="Processes; one per core unless given.")
def serve(host: str, port: int, workers: int | None) -> None:
    """Serve over HTTP until stopped."""
    settings = _settings()  # from here on: in words, not in a traceback, what stops the start
    _check_start(settings, host)
    from service.server import Server  # gunicorn reads WEB_CONCURRENCY when it is imported

    os.environ.update(HOST=host, PORT=str(port))
    if workers is not None:
        os.environ["WEB_CONCURRENCY"] = str(workers)

    def make() -> Any:
        from service.app import create_app  # after gunicorn's settings, which say where metrics go

        return create_app(settings, guideline=_guideline(settings.content_dir))

    config = _GUNICORN_CONFIG if _GUNICORN_CONFIG.is_file() else None
    server = Server(make, config, {} if config else _gunicorn_options(host, port))
    try:
        server.wsgi()
    except SystemExit:
        server.cfg.on_exit(server)
        raise
    server.run()


def _check_start(settings: Settings, host: str) -> None:
    for name in _NUMBERS:
        text = os.environ.get(name)
        if text and not (text.isdecimal() and int(text)):
            _stop(f"{name} is not a number above 0.", 2)
    try:
        settings.check_start(os.environ)
    except NotConfigured as error:
        _stop(str(error), 2)
    if host not in ("127.0.0.1", "localhost", "::1") and "profile" not in settings.model_fields_set:
        _stop(f"{host} is open to others. Set SARCOMA_CDS_PROFILE to production (or development).", 2)


def _gunicorn_options(host: str, port: int) -> dict[str, Any]:
    """The essentials of the repository's configuration, when only the package is installed."""
    return {
        "bind": f"{f'[{host}]' if ':' in host else host}:{port}",
        "workers": int(os.environ.get("WEB_CONCURRENCY") or os.cpu_count() or 1),
        "worker_class": "service.server.Worker",
        "logger_class": "service.server.Logger",
        "threads": int(os.environ.get("WEB_THREADS") or 4),
        "timeout": 30,
        "preload_app": True,
        "forwarder_headers": "",
        "forwarded_allow_ips": "",
        "control_socket_disable": True,
    }


def _time(context: click.Context, parameter: click.Parameter, text: str | None) -> datetime:
    """An aware time; UTC unless it says otherwise."""
    try:
        time = datetime.fromisoformat(text) if text else datetime.now(UTC)
    except ValueError:
        raise click.BadParameter("is not an ISO 8601 date or time, such as 2026-03-12T09:30:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@main.command()
@click.argument("file", type=click.File("rb"))
@click.option("--hook", type=click.Choice(sorted(HOOKS)), help="The hook; the request's own unless given.")
@click.option("--patient", help="Id of the patient, when a Bundle holds several.")
@click.option("--now", callback=_time, help="Time at which to judge, ISO 8601; the clock's unless given.")
@click.option("--json", "as_json", is_flag=True, help="Write the CDS Hooks response.")
@click.option(
    "--trace", is_flag=True, help="Say of each action why it applied or not, and what was left out."
)
@_CONTENT_OPTION
def evaluate(
    file: Any,
    hook: str | None,
    patient: str | None,
    now: datetime,
    as_json: bool,
    trace: bool,
    folder: Path | None,
) -> None:
    """Say what the guideline says about the patient in FILE (- for standard input).

    FILE is a CDS Hooks request, or a FHIR Bundle with the patient and the patient's data; its requests with
    status draft are the draft orders.
    """
    settings = _settings()
    guideline = _guideline(folder or settings.content_dir)
    try:
        call = _call(file.read(), hook, patient, guideline)
        plan = _plan(guideline, call.hook)
        result = answer(
            guideline, plan, call, now, settings.max_cards,
            settings.default_country, order_sets=settings.order_sets,
        )  # fmt: skip
    except (ServiceError, PatientDataError) as error:
        _stop(outcome_for(error).text, 3 if isinstance(error, PatientDataError) else 2)
    except (CqlError, GuidelineError) as error:
        _stop(f"The guideline cannot be evaluated: {error}", 1)
    if as_json:
        body = {**result.body, "trace": list(_trace(result))} if trace else result.body
        click.echo(dumps(body, indent=2, ensure_ascii=False))
        return
    click.echo("\n\n".join(_in_words(card) for card in result.body["cards"]) or "No advice.")
    if trace:
        click.echo("\nTrace\n" + "\n".join(_trace_as_tree(result)))


def _call(data: bytes, hook: str | None, patient: str | None, guideline: Guideline) -> Call:
    """The call in a request, or one made of a Bundle."""
    body = loads(data)
    if not isinstance(body, dict):
        raise click.UsageError("FILE is neither a CDS Hooks request nor a FHIR Bundle.")
    if body.get("resourceType") == "Bundle":
        body = _request_of(body, hook or "patient-view", patient, guideline)
    else:
        body = {**body, **({"hook": hook} if hook else {})}
        if patient and isinstance(body.get("context"), dict):
            body["context"] = {**body["context"], "patientId": patient}
    return call_of(body)


def _request_of(
    bundle: Mapping[str, Any], hook: str, patient: str | None, guideline: Guideline
) -> dict[str, Any]:
    """A request whose prefetch is the whole Bundle, but for the drafts."""
    entries = bundle.get("entry")
    rows = [row for row in entries if isinstance(row, dict)] if isinstance(entries, list) else []
    drafts = [row for row in rows if _is_draft(row.get("resource"))]
    others = [row for row in rows if not _is_draft(row.get("resource"))]
    found = {own for row in rows if (own := _patient_id(row.get("resource"))) is not None}
    if patient is None and len(found) != 1:
        raise click.UsageError(f"The Bundle holds {len(found)} patients. Say which with --patient.")
    context: dict[str, Any] = {
        "userId": "Practitioner/unknown",
        "patientId": bare_patient_id(patient or found.pop()),
    }
    if HOOKS[hook].drafts:
        context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": drafts}
    if HOOKS[hook].selections:
        context["selections"] = [
            f"{r['resourceType']}/{r.get('id', '')}" for row in drafts if (r := row["resource"])
        ]
    keys = [need.key for need in guideline.data_needs]
    prefetch = {**dict.fromkeys(keys), keys[0]: {**bundle, "entry": others}} if keys else {}
    return {"hook": hook, "hookInstance": "command-line", "context": context, "prefetch": prefetch}


def _is_draft(resource: Any) -> bool:
    return isinstance(resource, dict) and resource.get("status") == "draft" and "intent" in resource


def _patient_id(resource: Any) -> str | None:
    """The id of a Patient resource; None when it is another resource or has none."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "Patient":
        return None
    return str(resource["id"]) if is_id(resource.get("id")) else None


def _plan(guideline: Guideline, hook: str) -> HookPlan:
    for plan in guideline.hooks:
        if plan.hook == hook:
            return plan
    raise click.UsageError(f"The guideline does not answer {hook if hook in HOOKS else 'this hook'}.")


def _in_words(card: Mapping[str, Any]) -> str:
    """A card for a terminal."""
    lines = [f"[{card['indicator'].upper()}] {card['summary']}", f"  {_topic(card)}"]
    lines += [f"  {line}" for line in card.get("detail", "").splitlines()]
    for suggestion in card.get("suggestions", ()):
        recommended = " (recommended)" if suggestion.get("isRecommended") else ""
        lines.append(f"  * {suggestion['label']}{recommended}")
        for step in suggestion["actions"]:
            lines.append(f"      {step['type']}: {step['description']}")
    return "\n".join(line.rstrip() for line in lines)


def _topic(card: Mapping[str, Any]) -> str:
    topic = card["source"].get("topic", {}).get("code")
    return f"{topic} — {card['source']['label']}" if topic else str(card["source"]["label"])


def _trace(result: Answer) -> Iterator[str]:
    """A line for each action that was considered, and for each resource that did not count."""
    for entry in result.applied.trace if result.applied else ():
        yield f"{entry.outcome:12} {entry.path}{_reason(entry)}"
    yield from _not_read(result)


def _trace_as_tree(result: Answer) -> Iterator[str]:
    """The same for reading: indented, and without what stands beneath an action that did not apply."""
    for entry in result.applied.trace if result.applied else ():
        if entry.outcome != "parent":
            *above, action = entry.path.split("/")
            yield f"{entry.outcome:12} {'  ' * (len(above) - 1)}{action.rsplit('.', 1)[-1]}{_reason(entry)}"
    yield from _not_read(result)


def _reason(entry: TraceEntry) -> str:
    because = f": {', '.join(entry.because)}" if entry.because else ""
    return f" ({entry.define}){because}" if entry.define else because


def _not_read(result: Answer) -> Iterator[str]:
    for row in result.left_out:
        yield f"{'left out':12} {row.what} [{row.key}]: {row.reason}"


@content.command("check")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
def check_content(folder: Path | None) -> None:
    """Say what is wrong with the guideline in FOLDER (the setting content_dir unless given).

    More than what stops the start: also each resource against FHIR R4, metadata, citations and provenance.
    """
    folder = folder or _settings().content_dir
    guideline = _guideline(folder)
    problems = check_guideline(folder)
    if problems:
        _stop(f"The guideline in {folder} does not check out:\n" + "\n".join(map(str, problems)), 4)
    hooks = ", ".join(f"{plan.id} ({plan.hook})" for plan in guideline.hooks)
    click.echo(f"Guideline {guideline.version} checks out. Services: {hooks}.")


main.add_command(content)
main.add_command(feedback)


def _settings() -> Settings:
    try:
        return Settings.from_environment()
    except NotConfigured as error:
        _stop(str(error), 2)


def _guideline(folder: Path) -> Guideline:
    if not folder.is_dir():
        _stop(f"{folder}: there is no such folder. Name the guideline's folder.", 2)
    try:
        return Guideline.load(folder)
    except ContentError as error:
        _stop(f"The guideline in {folder} does not check out:\n{error}", 4)


def _stop(message: str, code: int) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
