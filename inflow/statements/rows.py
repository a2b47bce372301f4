"""Rows of a model as the values of a statement, and back: without signals, and without a look at each field."""

import datetime as dt
import functools
import operator
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import NoneType
from typing import Any, TypeVar

import orjson
from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models import AutoField, Model
from django.db.models.base import ModelState
from django.db.models.expressions import DatabaseDefault
from psycopg.types.json import Jsonb

M = TypeVar("M", bound=Model)

# --- Read ----------------------------------------------------------------------------------------------------------


def columns(*models: type[Model]) -> str:
    """Of these tables, for a statement that is written by hand; `objects` reads its rows."""
    return ", ".join(
        f'"{model._meta.db_table}"."{field.column}"' for model in models for field in model._meta.concrete_fields
    )


def objects(row: Sequence[Any], *models: type[Model]) -> list[Any]:
    found, begin = [], 0
    for model in models:
        attributes = _attributes(model)
        end = begin + len(attributes)
        found.append(_read(model, attributes, row[begin:end]))
        begin = end
    return found


def each(rows: Sequence[Sequence[Any]], model: type[M]) -> list[M]:
    """The objects of a query's rows."""
    attributes = _attributes(model)
    return [_read(model, attributes, row) for row in rows]


def _read(model: type[M], attributes: Sequence[str], row: Sequence[Any]) -> M:
    """`from_db` without its signals and its look at each field."""
    made = model.__new__(model)
    made.__dict__ = dict(zip(attributes, row, strict=True))
    made._state = _Stored()
    return made


class _Stored(ModelState):
    adding, db = False, DEFAULT_DB_ALIAS


def width(*models: type[Model]) -> int:
    """How many columns these have together."""
    return sum(len(_attributes(model)) for model in models)


@functools.cache
def _attributes(model: type[Model]) -> list[str]:
    assert not any(hasattr(field, "from_db_value") for field in model._meta.concrete_fields), "its values are converted"
    return [field.attname for field in model._meta.concrete_fields]


def stored(row: Model) -> dict[str, Any]:
    """Its columns as they stand on the object."""
    attributes = tuple(_fields(type(row)))
    return dict(zip(attributes, _values_of(row, attributes), strict=True))


# --- Made and written ------------------------------------------------------------------------------------------------


def new(model: type[M], **values: Any) -> M:
    """`model(**values)` without its signals, in a third of its time. Of a relation, the row it points to is given."""
    constants, makers, relations = _defaults(model)
    unknown = values.keys() - constants.keys() - makers.keys() - relations.keys()
    if unknown:
        raise TypeError(f"{model.__name__} has no {', '.join(unknown)}")
    row = model.__new__(model)
    row.__dict__ = attributes = constants | values
    row._state = ModelState()
    for name in relations.keys() & values.keys():
        relation, key = relations[name]
        other = attributes.pop(name)
        attributes[relation.attname] = getattr(other, key)
        relation.set_cached_value(row, other)
    for name in makers.keys() - values.keys():
        attributes[name] = makers[name]()
    return row


@functools.cache
def _defaults(model: type[Model]) -> tuple[dict[str, Any], dict[str, Callable[[], Any]], dict[str, Any]]:
    """What columns begin with: what is the same for each row, and what is made for each; and the relations by name,
    with the attribute of the other row that they hold."""
    fields = _fields(model)
    makers = {name: field.default for name, field in fields.items() if field.has_default() and callable(field.default)}
    constants = {name: field.get_default() for name, field in fields.items() if name not in makers}
    relations = {field.name: (field, field.target_field.attname) for field in fields.values() if field.is_relation}
    return constants, makers, relations


@dataclass(slots=True)
class Write:
    """`update` is the statement, of the attributes `names`; without one, the row is inserted."""

    row: Model
    values: list[Any]
    update: str = ""
    names: tuple[str, ...] = ()


def inserting(row: Model) -> Write:
    return Write(row, _values(row, _inserted(type(row))))


def updating(row: Model, names: tuple[str, ...]) -> Write:
    return Write(row, [*_values(row, names), row.pk], update_sql(type(row), names), names)


def _values(row: Model, attributes: tuple[str, ...]) -> list[Any]:
    """As the fields would have them stored; most are what psycopg takes already."""
    values = list(_values_of(row, attributes))
    for place, prepare in _to_be_prepared(type(row), attributes, tuple(map(type, values))):
        values[place] = prepare(values[place])
    return values


def _values_of(row: Model, attributes: tuple[str, ...]) -> Sequence[Any]:
    """As they stand on the object; what is not there is read by its attribute, from the database if need be."""
    try:
        return _getter(attributes)(row.__dict__)
    except KeyError:
        return [getattr(row, name) for name in attributes]


@functools.cache
def _getter(attributes: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    if len(attributes) == 1:
        return lambda values: (values[attributes[0]],)
    return operator.itemgetter(*attributes)


@functools.lru_cache(maxsize=500)
def _to_be_prepared(
    model: type[Model], attributes: tuple[str, ...], types: tuple[type, ...]
) -> list[tuple[int, Callable[[Any], Any]]]:
    """The places of the values that change on the way, and how. Rows of a model have values of few kinds."""
    taken, fields, places = _taken_as_they_are(model), _fields(model), []
    for place, (name, kind) in enumerate(zip(attributes, types, strict=True)):
        if kind not in (NoneType, taken.get(name)):
            places.append((place, _preparing(fields[name], kind)))
    return places


def _preparing(field: Any, kind: type) -> Callable[[Any], Any]:
    if issubclass(kind, DatabaseDefault):
        return lambda value: None
    if issubclass(kind, str) and _TAKEN.get(type(field)) is str:  # a choice
        return str.__str__
    if type(field) is models.JSONField and field.encoder is None:
        return functools.partial(Jsonb, dumps=orjson.dumps)
    return lambda value: field.get_db_prep_save(value, connections[DEFAULT_DB_ALIAS])


@functools.cache
def _taken_as_they_are(model: type[Model]) -> dict[str, type]:
    """By column, the type whose values a field's `get_db_prep_save` gives back as they came."""
    kinds = {name: type(getattr(field, "target_field", field)) for name, field in _fields(model).items()}
    return {name: _TAKEN[kind] for name, kind in kinds.items() if kind in _TAKEN}


_TAKEN: dict[type, type] = {
    models.BigAutoField: int,
    models.BooleanField: bool,
    models.CharField: str,
    models.DateField: dt.date,
    models.DateTimeField: dt.datetime,
    models.DecimalField: Decimal,
    models.EmailField: str,
    models.IntegerField: int,
    models.PositiveIntegerField: int,
    models.PositiveSmallIntegerField: int,
    models.SmallIntegerField: int,
    models.TextField: str,
    models.UUIDField: uuid.UUID,
}


@functools.cache
def _fields(model: type[Model]) -> dict[str, Any]:
    return {field.attname: field for field in model._meta.concrete_fields}


@functools.cache
def _inserted(model: type[Model]) -> tuple[str, ...]:
    """Every column, but for the one that the database fills by itself."""
    return tuple(name for name in _fields(model) if name != _number(model))


@functools.lru_cache(maxsize=500)
def insert_sql(model: type[Model], rows: int = 1, unless: str = "") -> str:
    fields = [_fields(model)[name] for name in _inserted(model)]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    given = given_by_the_database(model)
    each = [f"COALESCE(%s, {given[field.attname]})" if field.attname in given else "%s" for field in fields]
    places = ", ".join([f"({', '.join(each)})"] * rows)
    sql = f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES {places}'  # noqa: S608
    return f'{sql} ON CONFLICT ON CONSTRAINT "{unless}" DO NOTHING' if unless else sql


@functools.cache
def _number(model: type[Model]) -> str:
    """The column that the database fills by itself, if there is one."""
    return model._meta.pk.attname if isinstance(model._meta.pk, AutoField) else ""


@functools.cache
def given_by_the_database(model: type[Model]) -> dict[str, str]:
    """The columns with a default of the database's, and its SQL."""
    editor: Any = connection.schema_editor()
    fields = [field for field in model._meta.concrete_fields if field.has_db_default()]
    return {field.attname: editor.db_default_sql(field)[0] for field in fields}


@functools.lru_cache(maxsize=500)
def update_sql(model: type[Model], attributes: tuple[str, ...]) -> str:
    fields = _fields(model)
    columns = ", ".join(f'"{fields[name].column}" = %s' for name in attributes)
    return f'UPDATE "{model._meta.db_table}" SET {columns} WHERE "{model._meta.pk.column}" = %s'  # noqa: S608
