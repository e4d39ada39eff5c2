"""Kinds of effects that have several tasks: each has a handler of its own."""

from collections.abc import Mapping

from chalicelib.core.outbox.effects import Effect, EffectHandler, Ending, RejectedError


class ByTask:
    """Hands an effect to the handler of the task that its payload names; "" is of those without."""

    def __init__(self, handlers: Mapping[str, EffectHandler]) -> None:
        self._handlers = handlers

    @property
    def search_lag_s(self) -> float:
        """Return the longest search lag of all tasks: they share the vendor."""
        return max(handler.search_lag_s for handler in self._handlers.values())

    def handle(self, effect: Effect) -> str | None:
        """Do the task. Raises RejectedError for one that is unknown."""
        return self._of(effect).handle(effect)

    def find(self, effect: Effect) -> str | None:
        """Return what the vendor calls the effect. Raises as `handle` does."""
        return self._of(effect).find(effect)

    def on_finished(self, effect: Effect, ending: Ending) -> None:
        """Notify the context of the outcome; an unknown task has no context."""
        if handler := self._handlers.get(effect.payload.get("task", "")):
            handler.on_finished(effect, ending)

    def _of(self, effect: Effect) -> EffectHandler:
        task = effect.payload.get("task", "")
        if task not in self._handlers:
            raise RejectedError(f"There is no such task: {task}")
        return self._handlers[task]
