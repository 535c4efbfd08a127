"""Whom a broadcast of the staff is for: countries, topics, languages, channels; where nothing is said, everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from storage.schema import people, person_countries, person_topics


def chosen(audience: Mapping[str, Sequence[str]], home: Any) -> sa.ColumnElement[bool]:
    """A condition on ``people`` and on ``home``, the address that they were heard on last.

    Countries and topics are those that people follow; who follows all of them is among the audience.
    """
    conditions: list[sa.ColumnElement[bool]] = []
    if countries := audience.get("countries"):
        follows = sa.exists().where(
            person_countries.c.person_id == people.c.id, person_countries.c.country.in_(countries)
        )
        conditions.append(sa.or_(people.c.all_countries, follows))
    if topics := audience.get("topics"):
        follows = sa.exists().where(person_topics.c.person_id == people.c.id, person_topics.c.topic.in_(topics))
        conditions.append(sa.or_(people.c.all_topics, follows))
    if languages := audience.get("languages"):
        conditions.append(sa.func.coalesce(people.c.language, "en").in_(languages))
    if channels := audience.get("channels"):
        conditions.append(home.c.channel.in_(channels))
    return sa.and_(sa.true(), *conditions)
