"""What is deployed on Modal, and what runs there now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from blanklogo.engines.modal.border import need_modal, service_errors
from blanklogo.engines.modal.means import APP_NAME, CLASS_NAME, WEB_NAME


@dataclass(frozen=True)
class Deployment:
    """The deployed app.

    Attributes:
        num_workers: of the class as it was deployed; variants with other means are apart.
        memory_mib: a worker's limit.
    """

    app_name: str
    web_url: str
    gpus: tuple[str, ...]
    memory_mib: int | None
    timeout_seconds: int
    num_workers: int
    num_running: int
    num_waiting: int
    num_web_containers: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def look_at_deployment() -> Deployment:
    """Asks Modal.

    Raises:
        UnavailableError: the extra is missing, nobody is logged in, or nothing is deployed.
    """
    need_modal()
    import modal

    with service_errors():
        method = modal.Cls.from_name(APP_NAME, CLASS_NAME)().process_video
        web = modal.Function.from_name(APP_NAME, WEB_NAME)
        info, now = method.info(), method.get_current_stats()
        memory_mib = info.memory_mib[1] if isinstance(info.memory_mib, tuple) else info.memory_mib
        return Deployment(
            APP_NAME,
            web.get_web_url() or "",
            tuple(name for name, _ in info.gpus),
            memory_mib,
            info.timeout,
            now.num_total_runners,
            now.num_running_inputs,
            now.backlog,
            web.get_current_stats().num_total_runners,
        )
