"""Import: many objects in one call. ErpNetDocs, domain-api/data-manipulation/import.

The answer is 200 even if objects are refused: each object has a result of its own.
"""

from __future__ import annotations

from typing import Any

from ...world.entities import EntitySet, Row, new_id, odata_id
from ...world.refusals import ApiRefusalError
from ...world.rules import Model
from ...world.state import World
from ...world.transactions import Transaction
from . import writes
from .calls import ApiAnswer, ApiCall

_STATES = {"create": "Added", "update": "Modified", "delete": "Deleted"}


def import_objects(world: World, call: ApiCall) -> ApiAnswer:
    call.need_update_scope()
    options = call.json()
    objects = options.get("objects")
    if not isinstance(objects, list):
        raise ApiRefusalError("The parameter 'objects' is not a list.")
    model: Model = "common" if options.get("model") in ("common", "backend") else "frontend"
    if options.get("transaction") == "all-objects":
        results = _all_or_none(world, objects, Transaction(model), call.language)
    else:
        results = [_one(world, item, Transaction(model), call.language) for item in objects]
    succeeded = all(result["@erpnet.result"] == "success" for result in results)
    answer: dict[str, Any] = {
        "@erpnet.result": "success" if succeeded else "fail",
        "objects": results,
    }
    if options.get("loggingLevel", 2) != 0:
        answer["data-exchange"] = odata_id("Systems_Exchange_DataExchanges", new_id())
    return ApiAnswer(value=answer)


def _one(world: World, item: Any, transaction: Transaction, language: str) -> Row:
    try:
        result = _execute(world, item, transaction)
        world.data.commit(transaction)
    except ApiRefusalError as error:
        return _failed(error, language)
    return result


def _all_or_none(
    world: World, objects: list[Any], transaction: Transaction, language: str
) -> list[Row]:
    """The results up to the first refused object; a refused commit is the refusal of the last."""
    results: list[Row] = []
    try:
        results.extend(_execute(world, item, transaction) for item in objects)
        world.data.commit(transaction)
    except ApiRefusalError as error:
        return [_failed(error, language)]
    return results


def _failed(error: ApiRefusalError, language: str) -> Row:
    fields = error.fields(language)
    return {
        "@erpnet.result": "fail",
        "@erpnet.message": fields["message"],
        "@erpnet.error": fields,
    }


def _execute(world: World, item: Any, transaction: Transaction) -> Row:
    """Do what the object asks for, in the transaction."""
    if not isinstance(item, dict):
        raise ApiRefusalError("An object of the import is not a JSON object.")
    entity = _entity_of(world, str(item.get("@odata.type", "")))
    found = writes.find(world, entity, writes.find_by(item))
    action = _action(str(item.get("@erpnet.action", "create")), found)
    key = found["Id"] if found and action != "create" else None
    if action == "delete" and key:
        world.data.delete(entity, key, transaction)
    elif action == "update" and key:
        values = {n: v for n, v in item.items() if n not in ("Id", entity.code)}
        writes.update(world, entity, key, values, transaction)
    else:
        key = writes.create(world, entity, item, transaction)["Id"]
    return {
        "@erpnet.result": "success",
        "@odata.id": odata_id(entity.name, str(key)),
        "@erpnet.state": _STATES[action],
    }


def _action(asked: str, found: Row | None) -> str:
    """The action to take: `merge` is `update` if the object exists, else `create`."""
    if asked == "merge":
        return "update" if found else "create"
    if asked not in _STATES:
        raise ApiRefusalError(f"The action '{asked}' is not supported for an object.")
    if asked != "create" and found is None:
        raise ApiRefusalError(f"Object not found: action: {asked}.")
    return asked


def _entity_of(world: World, type_: str) -> EntitySet:
    """The entity set of a type: `Erp.Crm_Sales_Customer` is an object of Crm_Sales_Customers."""
    name = type_.removeprefix("Erp.")
    for entity in world.data.sets.values():
        if name == entity.name or name in _singulars(entity.name):
            return entity
    raise ApiRefusalError(f"There is no type '{type_}'.")


def _singulars(plural: str) -> set[str]:
    return {plural.removesuffix("s"), f"{plural.removesuffix('ies')}y"}
