"""Figures in Prometheus' text format. Paths are the routes' own, so that ids do not make a series each."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from blanklogo.engines.base import EngineStats
from blanklogo.service.jobs.states import State
from blanklogo.service.webhooks.delivery import DeliveryState

_SECONDS = (0.005, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0)


class Metrics:
    """Of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        of_route = ["method", "path", "status"]
        self._requests = Counter("blanklogo_requests", "Requests answered.", of_route, registry=self._registry)
        self._seconds = Histogram(
            "blanklogo_request_seconds",
            "From a request's arrival to its answer's beginning.",
            ["method", "path"],
            registry=self._registry,
            buckets=_SECONDS,
        )
        self._jobs = Gauge("blanklogo_jobs", "Jobs there are.", ["status"], registry=self._registry)
        self._orchestrators = Gauge(
            "blanklogo_orchestrators", "Processes that do jobs and live.", registry=self._registry
        )
        self._workers = Gauge("blanklogo_workers", "The engine's workers.", ["state"], registry=self._registry)
        self._started = Gauge(
            "blanklogo_workers_started", "Workers since the engine was made.", registry=self._registry
        )
        self._renewed = Gauge(
            "blanklogo_workers_renewed", "Of them, gone after as many calls as one does.", registry=self._registry
        )
        self._deliveries = Gauge("blanklogo_deliveries", "Webhooks in the log.", ["status"], registry=self._registry)
        self._calls = Gauge("blanklogo_calls_queued", "Calls that wait for a worker.", registry=self._registry)

    def note(self, method: str, path: str, status: int, seconds: float) -> None:
        """A request that was answered."""
        self._requests.labels(method, path, str(status)).inc()
        self._seconds.labels(method, path).observe(seconds)

    def text(
        self,
        jobs: Mapping[State, int],
        deliveries: Mapping[DeliveryState, int],
        num_orchestrators: int,
        engine: EngineStats | None,
    ) -> tuple[bytes, str]:
        """All figures, and their media type; no engine: this process does no jobs."""
        for state, number in jobs.items():
            self._jobs.labels(str(state)).set(number)
        for status, number in deliveries.items():
            self._deliveries.labels(str(status)).set(number)
        self._orchestrators.set(num_orchestrators)
        if engine is not None:
            self._workers.labels("idle").set(engine.num_idle)
            self._workers.labels("busy").set(engine.num_workers - engine.num_idle)
            self._started.set(engine.num_started)
            self._renewed.set(engine.num_renewed)
            self._calls.set(engine.num_queued)
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
