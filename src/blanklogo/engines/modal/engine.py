"""The Modal engine: calls the class that deploy/modal_app.py deployed, from Python.

    with ModalEngine(EngineSpec(gpu="A10")) as engine:
        call = engine.submit(Order(source="/videos/clip.mp4", target="/videos/clip.clean.mp4"))
        for event in call.events():
            print(event)

Workers belong to the deployment, not to this engine: closing it lets go of its calls, and workers leave when they have
been idle for the scaledown window. Means other than the deployed ones make a variant with workers of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from blanklogo.engines.base import REMOVER, Call, Engine, EngineStats, Message
from blanklogo.engines.modal.border import need_modal, service_errors
from blanklogo.engines.modal.call import Deliver, ModalCall, Spawned
from blanklogo.engines.modal.means import APP_NAME, CLASS_NAME, SPEC_TAG, deployed_spec, spec_digest, variant_options
from blanklogo.engines.modal.worker import QUEUE_NAME
from blanklogo.engines.parcel import packed, unpacked
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import OptionError, UnavailableError
from blanklogo.types import Order

T = TypeVar("T")


class ModalEngine(Engine):
    """Runs orders on a deployed class.

    Args:
        spec: a worker's means. The default spec: the deployed ones, whatever they are. Others than those deployed: a
            variant of the class.
        workload: what the deployed class runs; named for the record, since no code is sent.
        app_name, class_name: of the deployment.

    Raises:
        UnavailableError: the extra is not installed, nobody is logged in, or nothing is deployed.
        OptionError: means that Modal does not have.
    """

    name = "modal"

    def __init__(
        self, spec: EngineSpec, workload: str = REMOVER, *, app_name: str = APP_NAME, class_name: str = CLASS_NAME
    ) -> None:
        super().__init__(spec, workload)
        need_modal()
        self._calls: dict[str, ModalCall] = {}
        self._following: set[asyncio.Future[None]] = set()
        self._workers: set[str] = set()
        self._gate = threading.Condition()
        self._num_submitting = 0
        self._is_closed = False
        self._loop = _LoopThread()
        try:
            with service_errors():
                self._instance, self.spec, self._is_variant = _instance(spec, app_name, class_name)
                self._events = _events_queue()
                self._keep_warm(self.spec.min_workers)
        except BaseException:
            self._loop.close()
            raise

    def submit(self, order: Order | Message) -> Call:
        """As `Engine.submit`; returns once Modal has taken the order, what is attached to it included.

        Raises:
            CallerError: a file cannot be read, is too large, or the target does not fit.
            UnavailableError: the engine is closed or cannot be reached.
        """
        message, deliver = _prepared(order)
        with self._submitting():
            with service_errors():
                handle = self._instance.run_to_end.spawn(message)
            return self._loop.run(self._follow(Spawned(handle, self._events), deliver))

    def map(self, orders: Iterable[Order | Message]) -> list[Call]:
        """Submits many; their calls, in the same order."""
        return [self.submit(order) for order in orders]

    @property
    def stats(self) -> EngineStats:
        """Of the workers with these means, whoever else may use them; what waits longest is this engine's own."""
        with service_errors():
            now = self._instance.run_to_end.get_current_stats()
        waits = [seconds for call in list(self._calls.values()) if (seconds := call.waiting_seconds) is not None]
        return EngineStats(
            num_workers=now.num_total_runners,
            num_idle=min(now.input_headroom, max(0, now.num_total_runners - now.num_running_inputs)),
            num_queued=now.backlog,
            oldest_queued_seconds=max(waits, default=0.0),
            num_started=len(self._workers),
            num_busy=min(now.num_running_inputs, now.num_total_runners),
        )

    def close(self, *, is_patient: bool = True) -> None:
        with self._gate:
            if self._is_closed:
                return
            self._is_closed = True
            self._gate.wait_for(lambda: self._num_submitting == 0)
        for call in list(self._calls.values()):
            if not is_patient:
                call.kill()
            elif call.waiting_seconds is not None:
                call.cancel()
        self._loop.run(self._all_over())
        with service_errors():
            self._keep_warm(0)
        self._loop.close()

    def _keep_warm(self, num_workers: int) -> None:
        """Of a variant; the deployed class keeps what it was deployed with."""
        if self._is_variant and self.spec.min_workers:
            self._instance.update_autoscaler(min_containers=num_workers)

    @contextmanager
    def _submitting(self) -> Iterator[None]:
        """Closing waits for it, so that no call is left to itself."""
        with self._gate:
            if self._is_closed:
                raise UnavailableError("the engine is closed", hint="a new one")
            self._num_submitting += 1
        try:
            yield
        finally:
            with self._gate:
                self._num_submitting -= 1
                self._gate.notify_all()

    async def _follow(self, spawned: Spawned, deliver: Deliver) -> ModalCall:
        call = ModalCall(spawned, self.spec, deliver, self._workers.add)
        self._calls[call.id] = call
        following = asyncio.ensure_future(call.follow())
        self._following.add(following)
        following.add_done_callback(lambda done: (self._following.discard(done), self._calls.pop(call.id)))
        return call

    async def _all_over(self) -> None:
        while self._following:
            await asyncio.wait(self._following)


def _instance(spec: EngineSpec, app_name: str, class_name: str) -> tuple[Any, EngineSpec, bool]:
    """The deployed class or a variant of it, its means, and whether it is a variant."""
    import modal

    deployed = modal.Cls.from_name(app_name, class_name)
    deployed.hydrate()
    has = deployed_spec(deployed().run_to_end.info())
    if spec == EngineSpec():
        return deployed(), has, False
    if modal.App.lookup(app_name).get_tags().get(SPEC_TAG) == spec_digest(spec):
        return deployed(), spec, False
    if has.gpu and not spec.gpu:
        raise OptionError(
            "workers without a GPU, with other means than the deployed ones",
            accepted=f"the deployment's GPU ({has.gpu[0]}), or another",
            hint="BLANKLOGO_GPU=none blanklogo modal deploy",
        )
    return deployed.with_options(**variant_options(spec))(), spec, True


def _events_queue() -> Any:
    import modal

    return modal.Queue.from_name(QUEUE_NAME, create_if_missing=True).hydrate()


def _prepared(order: Order | Message) -> tuple[Message, Deliver]:
    """An order as it travels, and what is to be done with its result here."""
    if not isinstance(order, Order):
        return order, lambda result: result
    return packed(order).as_dict(), lambda result: unpacked(result, order)


class _LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._body()), name="modal-calls", daemon=True)
        self._thread.start()
        self._is_up.wait()

    async def _body(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        self._is_up.set()
        await self._leave.wait()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """Ends it, and whatever still runs in it."""
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
