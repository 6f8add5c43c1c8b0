"""What a running task does. A dag file loads none of this when it is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from trigger_compat.paths import Caller

if TYPE_CHECKING:
    from trigger_compat.paths import Context


class Operator(Caller, Protocol):
    """What a try takes from its operator, besides the arguments of the contract.

    The operator imports the modules of this package, so they know it by this protocol.
    """

    retries: int | None
    execution_timeout: timedelta | None
    logical_date: Any
    allowed_states: list[str]
    failed_states: list[str]
    path: str | None
    durable: bool
    openlineage_inject_parent_info: bool
    external_id_key: str
    durable_key: str | None
    trigger_run_id: str | None
    generated_run_id: str | None
    unrendered: Mapping[str, Any]

    @property
    def is_subclassed(self) -> bool:
        """Whether a subclass of the author's overrides ``execute``."""

    def render_as_text(self, template: str, context: Context) -> str:
        """Render one template to text."""

    def defer(self, *, trigger: Any, method_name: str, timeout: timedelta | None) -> NoReturn:
        """Defer the task until the trigger fires."""
