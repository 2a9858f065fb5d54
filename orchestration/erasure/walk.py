"""An erasure from its requests to its line in the audit; a kill at any point is made up for by the next one."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta

import pyarrow.compute as pc
import pyarrow.dataset as ds

from infra import failpoint
from infra.errors import DefinitionError
from infra.lake import in_parts
from infra.masking import Names
from infra.pseudonyms import pseudonyms, stored_id
from infra.tombstones import Tombstones, bury, erasures_beside, read_tombstones
from orchestration.erasure.erasers import ERASERS, Work
from orchestration.erasure.requests import Erasure, Request, Requests
from orchestration.system import Installation
from training.registry import Deadline
from validation.batches import Footprint, footprint

Say = Callable[[str], None]
DESCRIBED, RETURNED = "described as gone", "came back with an older copy of the data"
SYSTEM = "flywheel"  # who asks where no person did


def requests_of(installation: Installation) -> Requests:
    """The requests of an installation's erasures."""
    return Requests(erasures_beside(installation.settings.lake))


def ask(installation: Installation, people: Iterable[str], who: str, why: str) -> None:
    """Keep requests until they are carried out."""
    _person(installation)
    requests = requests_of(installation)
    tombstones = bury(requests.folder, [])  # there is a key from here on
    for person in people:
        if not person.strip():
            raise DefinitionError("erase: an empty id names nobody. Give the id as the tables have it.")
        kept = stored_id(installation.settings, person)
        requests.ask(Request(kept, who, why, installation.now()), tombstones)


def due(installation: Installation) -> list[Request]:
    """All who are to be erased now: who was asked for, who is described as gone, and who came back."""
    requests, tombstones = requests_of(installation), read_tombstones(erasures_beside(installation.settings.lake))
    asked = requests.waiting()
    people = {request.person for request in asked}
    reasons = dict.fromkeys(described_as_gone(installation), DESCRIBED)
    reasons |= dict.fromkeys(returned(installation, tombstones), RETURNED)
    at = installation.now()
    return [*asked, *(Request(p, SYSTEM, why, at) for p, why in sorted(reasons.items()) if p not in people)]


def under_way(installation: Installation) -> list[str]:
    """The digests of those whose requests wait or were begun."""
    requests, tombstones = requests_of(installation), read_tombstones(erasures_beside(installation.settings.lake))
    current = requests.current()
    people = {request.person for request in requests.waiting()} | (current.people if current else frozenset())
    return sorted(tombstones.digest(person) for person in people)


def erase(
    installation: Installation, say: Say = lambda _: None, *, only_asked: bool = False
) -> dict[str, object] | None:
    """Erase everybody who is due, in one walk over all stores; returns the line of the audit, None when nobody is.

    An erasure that an earlier process left unfinished is finished first.

    only_asked  leave those for the next erasure whom nobody asked for
    """
    requests, line = requests_of(installation), None
    with installation.lake.locked("erasures"):
        unfinished = requests.current()
        if unfinished is not None:
            line = _carried_out(installation, unfinished, say)
        waiting = requests.waiting() if only_asked else due(installation)
        if waiting:
            people = frozenset(request.person for request in waiting)
            bury(requests.folder, people)
            failpoint.reached("erasure.buried")
            traces = _footprint(installation, people)
            begun = Erasure(tuple(waiting), traces.keys, traces.first_day)
            requests.note(begun)
            line = _carried_out(installation, begun, say)
    return line


def _carried_out(installation: Installation, erasure: Erasure, say: Say) -> dict[str, object]:
    """Walk over all stores; returns the line of the audit."""
    requests = requests_of(installation)
    tombstones = bury(requests.folder, erasure.people)
    for eraser in ERASERS:
        erasure = erasure.counted(eraser(installation, _work(installation, erasure, tombstones)))
        requests.note(erasure)
        say(f"{eraser.__name__}: done")
    line = _audited(installation, erasure, tombstones)
    requests.done(erasure, line, tombstones)
    return line


def would_go(installation: Installation, people: Iterable[str]) -> dict[str, int]:
    """What an erasure of these people would remove, by store; nothing is changed."""
    kept = (stored_id(installation.settings, person) for person in people)
    requests = tuple(Request(person, "", "", installation.now()) for person in kept)
    traces = _footprint(installation, [request.person for request in requests])
    erasure = Erasure(requests, traces.keys, traces.first_day)
    for eraser in ERASERS:
        work = _work(installation, erasure, Tombstones(), dry_run=True)
        erasure = erasure.counted(eraser(installation, work))
    concerned = installation.registry.learned_since(traces.first_day) if traces.first_day else []
    return {name: count for name, count in {**erasure.counts, "releases": len(concerned)}.items() if count}


def described_as_gone(installation: Installation) -> set[str]:
    """The people whose newest description says that they have left."""
    people: set[str] = set()
    for table in installation.system.tables:
        if table.gone is None or table.person is None:
            continue
        column, word = table.gone
        name = f"tables/{table.name}"
        columns = [table.person, column, table.event_time]
        says = installation.lake.read(name, None, columns, ds.field(column) == word, table.schema)
        if not len(says):
            continue
        theirs = ds.field(table.person).isin(pc.unique(says[table.person]))
        rows = installation.lake.read(name, None, columns, theirs, table.schema).sort_by(table.event_time)
        newest = dict(zip(rows[table.person].to_pylist(), rows[column].to_pylist(), strict=True))
        people |= {person for person, value in newest.items() if value == word}
    return people


def returned(installation: Installation, tombstones: Tombstones) -> set[str]:
    """The erased people who are in the tables all the same: an older copy of the lake was put back."""
    asked: dict[str | None, bool] = {}  # a digest is made once for each person
    for table in installation.system.tables if tombstones else ():
        files = installation.lake.files(f"tables/{table.name}") if table.person else []
        for part in in_parts(files, table.schema, [table.person or ""]) if files else ():
            for person in pc.unique(part.column(0)).to_pylist():
                if person not in asked:
                    asked[person] = person in tombstones
    return {person for person, erased in asked.items() if erased and person is not None}


def _person(installation: Installation) -> str:
    person = installation.system.person
    if person is None:
        raise DefinitionError(
            f"system {installation.system.name}: no table says who a person is. Name the column in its definition "
            "(`Table.person`)."
        )
    for table in installation.system.tables:
        if table.person and table.column(table.person).dtype != "string":
            raise DefinitionError(
                f"table {table.name}: `{table.person}` names people by numbers, and erasure knows only texts. Make it "
                "a string column."
            )
    return person


def _footprint(installation: Installation, people: Iterable[str]) -> Footprint:
    traces = Footprint()
    for table in installation.system.tables:
        traces |= footprint(installation.lake, table, people)
    return traces


def _work(installation: Installation, erasure: Erasure, tombstones: Tombstones, dry_run: bool = False) -> Work:
    names = Names(_person(installation), erasure.people, erasure.keys)
    why = f"erased: {', '.join(sorted(map(tombstones.digest, erasure.people)))[:200]}"
    ids = pseudonyms(installation.settings)
    return Work(_person(installation), names, installation.now(), why, ids, dry_run)


def _audited(installation: Installation, erasure: Erasure, tombstones: Tombstones) -> dict[str, object]:
    """The line of the audit, after the releases that learned from these people were given a deadline."""
    at = installation.now()
    until = datetime.combine(at.date() + timedelta(days=installation.settings.retrain_within_days), time.max, UTC)
    since = erasure.first_day
    releases = installation.registry.learned_since(since) if since else []
    why = f"it learned from people who were erased on {at:%Y-%m-%d}"
    if releases:
        installation.registry.set_deadline(releases, Deadline(until, at, why))
    people = [
        {"person": tombstones.digest(r.person), "who": r.who, "why": r.why, "asked": r.at} for r in erasure.requests
    ]
    removed = {name: count for name, count in sorted(erasure.counts.items()) if count}
    return {"at": at, "people": people, "removed": removed, "retrain": dict.fromkeys(releases, until)}
