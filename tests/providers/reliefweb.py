"""ReliefWeb's API, version 2, as its documentation describes it, and as strict.

Refuses an appname that is missing or not approved, a question that it does not understand, and the 1,001st of a day.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.providers.sources import Asked, head

FIELDS = frozenset(
    {"id", "title", "body", "body-html", "url", "url_alias", "status", "date.created", "date.original", "date.changed"}
    | {"primary_country.iso3", "primary_country.name", "country.iso3", "country.name", "source.shortname"}
    | {"source.name", "theme.name", "format.name", "language.code", "language.name", "headline.title"}
    | {"headline.summary"}
)
KEYS = frozenset({"preset", "profile", "limit", "offset", "sort", "filter", "fields", "query", "slim"})
LARGEST, A_DAY = 1000, 1000


class Refused(Exception):
    def __init__(self, status: int, kind: str, message: str) -> None:
        self.status = status
        self.error = {"status": status, "error": {"type": kind, "message": message}}


@dataclass
class ReliefWeb:
    """``web.pages["/v2/reports"] = ReliefWeb(reports).play``. Keeps the questions that it understood."""

    reports: list[dict[str, Any]] = field(default_factory=list)
    approved: set[str] = field(default_factory=lambda: {"serai-news-Xy12"})
    calls: int = 0
    questions: list[dict[str, Any]] = field(default_factory=list)

    async def play(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        try:
            status, said = 200, self._answer(asked)
        except Refused as refused:
            status, said = refused.status, refused.error
        body = json.dumps(said).encode()
        headers = {"Content-Type": "application/json; charset=UTF-8", "Content-Length": str(len(body))}
        writer.write(head(status, headers) + body)

    def new_day(self) -> None:
        self.calls = 0

    def _answer(self, asked: Asked) -> dict[str, Any]:
        parts = urlsplit(asked.target)
        if not parts.path.startswith("/v2/"):
            raise Refused(410, "GoneHttpException", "This version of the API is switched off.")
        self._let_in(parse_qs(parts.query))
        question = self._question(asked)
        self.questions.append(question)
        found = [report for report in self.reports if self._fits(report, question.get("filter"))]
        found.sort(key=lambda report: str(_at(report, "date.created") or ""), reverse=True)
        offset, limit = question.get("offset", 0), question.get("limit", 10)
        page = found[offset : offset + limit]
        return {
            "time": 11,
            "href": f"https://api.reliefweb.int{parts.path}",
            "links": {"self": {"href": f"https://api.reliefweb.int{asked.target}"}},
            "took": 4,
            "totalCount": len(found),
            "count": len(page),
            "data": [self._record(report, question["fields"]["include"]) for report in page],
        }

    def _let_in(self, query: dict[str, list[str]]) -> None:
        self.calls += 1
        if self.calls > A_DAY:
            raise Refused(429, "TooManyRequestsHttpException", "More than 1000 calls today.")
        if query.get("appname", [""])[0] not in self.approved:
            raise Refused(403, "AccessDeniedHttpException", "You are not using an approved appname.")

    def _question(self, asked: Asked) -> dict[str, Any]:
        if asked.method != "POST" or asked.headers.get("content-type") != "application/json":
            raise Refused(400, "BadRequestHttpException", "Ask by POST, in JSON.")
        try:
            question = json.loads(asked.body)
        except ValueError:
            raise Refused(400, "BadRequestHttpException", "Invalid JSON.") from None
        unknown = question.keys() - KEYS
        conditions = _conditions(question.get("filter"))
        named = {*question["fields"]["include"], *(one["field"] for one in conditions)}
        named |= {order.partition(":")[0] for order in question.get("sort", [])}
        if unknown or named - FIELDS:
            raise Refused(400, "BadRequestHttpException", f"Unknown: {sorted(unknown | (named - FIELDS))}")
        if not 0 <= question.get("limit", 10) <= LARGEST:
            raise Refused(400, "BadRequestHttpException", "limit is 0 to 1000.")
        if any(order.partition(":")[2] not in ("asc", "desc") for order in question.get("sort", [])):
            raise Refused(400, "BadRequestHttpException", "sort is field:asc or field:desc.")
        if question.get("query") is not None and not question["query"].get("value"):
            raise Refused(400, "BadRequestHttpException", "query has no value.")
        return dict(question)

    def _fits(self, report: dict[str, Any], wanted: dict[str, Any] | None) -> bool:
        for condition in _conditions(wanted):
            found = _at(report, condition["field"])
            if not set(found if isinstance(found, list) else [found]) & set(condition["value"]):
                return False
        return True

    def _record(self, report: dict[str, Any], include: list[str]) -> dict[str, Any]:
        fields: dict[str, Any] = {"id": int(report["id"])}
        for name in include:
            _copy(report, fields, name.split("."))
        href = f"https://api.reliefweb.int/v2/reports/{report['id']}"
        return {"id": str(report["id"]), "score": 1, "href": href, "fields": fields}


def _conditions(wanted: dict[str, Any] | None) -> list[dict[str, Any]]:
    return list(wanted["conditions"]) if wanted else []


def _at(report: Any, path: str) -> Any:
    name, _, rest = path.partition(".")
    value = report.get(name)
    if not rest or value is None:
        return value
    return [_at(one, rest) for one in value] if isinstance(value, list) else _at(value, rest)


def _copy(source: Any, target: Any, path: list[str]) -> None:
    name, *rest = path
    if name not in source:
        return
    value = source[name]
    if not rest:
        target[name] = value
    elif isinstance(value, list):
        kept = target.setdefault(name, [{} for _ in value])
        for one, other in zip(value, kept, strict=True):
            _copy(one, other, rest)
    else:
        _copy(value, target.setdefault(name, {}), rest)


def report(number: int, **fields: Any) -> dict[str, Any]:
    """A report as it is kept there: made up, in the form of the documentation."""
    return {
        "id": number,
        "title": f"Report {number}",
        "body": f"What report {number} says about those who return.",
        "url_alias": f"https://reliefweb.int/report/iraq/report-{number}",
        "date": {
            "original": "2026-11-20T00:00:00+00:00",
            "created": f"2026-11-21T00:00:{number % 60:02}+00:00",
            "changed": "2026-11-22T00:00:00+00:00",
        },
        "primary_country": {"id": 122, "name": "Iraq", "shortname": "Iraq", "iso3": "irq"},
        "country": [{"id": 122, "name": "Iraq", "iso3": "irq", "primary": True}],
        "source": [{"name": "International Organization for Migration", "shortname": "IOM"}],
        "theme": [{"id": 4600, "name": "Protection and Human Rights"}],
        "format": [{"name": "News and Press Release"}],
        "language": [{"name": "English", "code": "en"}],
        **fields,
    }
