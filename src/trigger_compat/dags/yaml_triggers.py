"""The triggers of a YAML file, in the form of dag-factory: a mapping with the key ``operator``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from trigger_compat.dags.files import Unreadable
from trigger_compat.dags.literals import Defaults, Unknown
from trigger_compat.dags.names import OPERATOR
from trigger_compat.dags.triggers import Trigger, home


def find(text: str) -> list[Trigger]:
    """Return the triggers of all documents, in order.

    :raises Unreadable: it is no YAML.
    """
    found: list[Trigger] = []
    try:
        for document in yaml.compose_all(text, Loader=yaml.SafeLoader):
            # dag-factory may take more defaults from a file of their own, so that these are never all.
            found += _below(document, _defaults(_get(document, "default"), {}), "")
    except (yaml.YAMLError, RecursionError) as error:
        raise Unreadable(f"cannot be parsed: {getattr(error, 'problem', None) or error}") from error
    return sorted(found, key=lambda each: each.line)


def _below(node: yaml.Node | None, defaults: dict[str, Any], name: str) -> Iterator[Trigger]:
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _below(each, defaults, "")
    if not isinstance(node, yaml.MappingNode):
        return
    defaults = _defaults(node, defaults)
    path = _value(_get(node, "operator"))
    module, _, operator = path.rpartition(".") if isinstance(path, str) else ("", "", "")
    if operator == OPERATOR:
        arguments = {key: _value(value) for key, value in _items(node) if key != "operator"}
        arguments.setdefault("task_id", name or Unknown("the key"))
        yield Trigger(
            line=(node.start_mark.line if node.start_mark else 0) + 1,
            operator=home(module),
            arguments=arguments,
            complete=_get(node, "<<") is None,
            defaults=Defaults(defaults, complete=False),
            expressions={},
        )
    for key, value in _items(node):
        yield from _below(value, defaults, key)


def _defaults(node: yaml.Node | None, outer: dict[str, Any]) -> dict[str, Any]:
    given = _get(node, "default_args")
    return {**outer, **{key: _value(value) for key, value in _items(given)}}


def _items(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key.value, value


def _get(node: yaml.Node | None, name: str) -> yaml.Node | None:
    return dict(_items(node)).get(name)


def _value(node: yaml.Node | None) -> Any:
    """Return the plain value of a scalar; what else a loader would make of a node is unknown."""
    if not isinstance(node, yaml.ScalarNode):
        return Unknown("a mapping or a list")
    kinds = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "bool", "null")}
    if node.tag not in kinds:
        return Unknown(str(node.value))
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)
    finally:
        loader.dispose()
