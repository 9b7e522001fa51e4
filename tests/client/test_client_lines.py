"""What becomes of a transfer, a job and a wait when the line breaks, or the process does."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from asking_clients import PATIENCE_SECONDS, RIGHTS, Asking
from cutting_proxy import Proxy
from running import Running

from blanklogo.client import Client, Job, asking
from blanklogo.errors import SourceError, TransferError, UnavailableError

MIB = 1 << 20
TUS = "/api/v1/uploads/tus"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many tries as ever, sooner."""
    pauses = tuple(seconds / 10 for seconds in asking.PAUSES_SECONDS)
    monkeypatch.setattr(asking, "PAUSES_SECONDS", pauses)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """20 MiB, three pieces of an upload, none like another."""
    path = tmp_path / "film.mp4"
    path.write_bytes(random.Random(5).randbytes(20 * MIB))
    return path


def until(is_it: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_it():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_upload_that_is_cut_goes_on(ann: Asking, proxy: Proxy, film: Path, tmp_path: Path) -> None:
    proxy.cuts_up += [10 * MIB, 3 * MIB]
    job = ann.submit(film, **RIGHTS)
    assert proxy.cuts_up == []
    assert proxy.num_asked(f"HEAD {TUS}/") >= 2
    assert proxy.num_asked(f"POST {TUS}") == 1
    assert proxy.num_bytes_up < 37 * MIB, "what had come was not sent again, but for the piece that broke"
    ann.over(job.id).checked()
    assert ann.download(job.id, tmp_path / "clean.mp4").read_bytes() == film.read_bytes()


UPLOAD = """
import sys
from pathlib import Path
from blanklogo.client import Client
url, token, film, notes = sys.argv[1:]
with Client(url, token) as client:
    client.submit(film, rights_confirmed=True, notes=Path(notes))
"""


def test_another_process_goes_on_with_an_upload(proxy: Proxy, token: str, film: Path, tmp_path: Path) -> None:
    proxy.stalls_up.append(10 * MIB)
    notes = tmp_path / "notes"
    child = subprocess.Popen([sys.executable, "-c", UPLOAD, proxy.address, token, str(film), str(notes)])
    try:
        assert proxy.stalled.wait(PATIENCE_SECONDS)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    (note,) = notes.iterdir()
    assert token.partition(":")[2] not in note.read_text()
    proxy.heal()
    heard: list[int] = []
    with Client(proxy.address, token) as client:
        job = client.submit(film, **RIGHTS, notes=notes, on_progress=lambda progress: heard.append(progress.done))
        assert heard[0] >= 8 * MIB
        assert proxy.num_asked(f"POST {TUS}") == 0
        assert client.wait(job.id, timeout_seconds=PATIENCE_SECONDS).checked().status == "completed"
    assert list(notes.iterdir()) == []


def test_without_notes_nothing_is_written_down(proxy: Proxy, token: str, clip: Path, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    with Client(proxy.address, token) as client:
        client.submit(clip, **RIGHTS)
    assert set(tmp_path.rglob("*")) == before


def test_a_noted_upload_that_is_gone_is_begun_anew(proxy: Proxy, token: str, film: Path, tmp_path: Path) -> None:
    proxy.refused.append("POST /api/v1/jobs")
    notes = tmp_path / "notes"
    with Client(proxy.address, token) as client:
        with pytest.raises(UnavailableError):
            client.submit(film, **RIGHTS, notes=notes)
        proxy.heal()
        first = client.submit(film, **RIGHTS, notes=notes)
        assert proxy.num_asked(f"POST {TUS}") == 0, "it was whole already"
        (notes / "old.upload.json").write_text("{}")
        os.utime(notes / "old.upload.json", (0, 0))
        second = client.submit(film, **RIGHTS, notes=notes)
    assert first.id != second.id
    assert list(notes.iterdir()) == []


def test_a_file_that_changes_on_its_way_makes_no_job(ann: Asking, proxy: Proxy, film: Path) -> None:
    def shorten(progress) -> None:
        if progress.done:
            os.truncate(film, 9 * MIB)

    with pytest.raises(SourceError, match="shorter"):
        ann.submit(film, **RIGHTS, on_progress=shorten)
    assert proxy.num_asked("POST /api/v1/jobs") == 0


@pytest.mark.parametrize("lost", ["POST /api/v1/jobs", f"POST {TUS}", f"PATCH {TUS}"])
def test_an_answer_that_is_lost_makes_no_second_job(ann: Asking, proxy: Proxy, clip: Path, lost: str) -> None:
    proxy.cut_answers[lost] = 0
    job = ann.submit(clip, **RIGHTS)
    assert proxy.cut_answers == {}
    assert ann.list().num_total == 1
    ann.over(job.id).checked()


@pytest.mark.parametrize("lost", ["POST /api/v1/jobs/batch", f"PATCH {TUS}"])
def test_an_answer_that_is_lost_makes_no_second_batch(ann: Asking, proxy: Proxy, clip: Path, lost: str) -> None:
    proxy.cut_answers[lost] = 0
    batch = ann.submit_batch([clip, clip], **RIGHTS)
    assert proxy.cut_answers == {}
    assert ann.list().num_total == 2
    for job in batch:
        ann.over(job.id).checked()


def test_another_call_goes_on_with_a_batchs_uploads(
    proxy: Proxy, token: str, film: Path, clip: Path, tmp_path: Path
) -> None:
    proxy.refused.append("POST /api/v1/jobs")
    notes = tmp_path / "notes"
    with Client(proxy.address, token) as client:
        with pytest.raises(UnavailableError):
            client.submit_batch([film, clip], **RIGHTS, notes=notes)
        proxy.heal()
        first = client.submit_batch([film, clip], **RIGHTS, notes=notes)
        assert proxy.num_asked(f"POST {TUS}") == 0, "they were whole already"
        assert list(notes.iterdir()) == []
        proxy.refused.append("POST /api/v1/jobs")
        with pytest.raises(UnavailableError):
            client.submit_batch([film, clip], **RIGHTS, notes=notes)
        proxy.heal()
        client.submit(clip, **RIGHTS, notes=notes)  # which uses up what was noted of it for both
        second = client.submit_batch([film, clip], **RIGHTS, notes=notes, platform="tiktok")
        assert proxy.num_asked(f"POST {TUS}") == 1, "only of the clip"
        for job in (*first, *second):
            client.wait(job.id, timeout_seconds=PATIENCE_SECONDS).checked()
    assert len({job.id for job in (*first, *second)}) == 4


def test_bytes_in_bytes_out_over_a_line_that_breaks_is_one_job(ann: Asking, proxy: Proxy, clip: Path) -> None:
    proxy.cut_answers["POST /process_video_http"] = 0
    clean, _ = ann.process_video(clip.read_bytes(), **RIGHTS)
    assert clean == clip.read_bytes()
    assert ann.list().num_total == 1
    assert proxy.num_asked("POST /process_video_http") == 2


def test_a_retry_whose_answer_is_lost_is_asked_for_again_and_done_once(
    service: tuple[Running, Proxy], ann: Asking, proxy: Proxy, clip: Path
) -> None:
    job = ann.submit(clip, **RIGHTS, platform="kling")
    ann.over(job.id)
    proxy.cut_answers[f"POST /api/v1/jobs/{job.id}/retry"] = 0
    assert ann.retry(job.id).id == job.id
    assert proxy.num_asked(f"POST /api/v1/jobs/{job.id}/retry") == 2
    kept = service[0].parts.store.get(job.id)
    assert kept is not None
    assert kept.run_number == 2


def test_a_download_that_is_cut_goes_on(ann: Asking, proxy: Proxy, film: Path, tmp_path: Path) -> None:
    job = ann.over(ann.submit(film, **RIGHTS).id).checked()
    proxy.heal()
    proxy.cuts_down += [6 * MIB, 5 * MIB]
    heard: list[int] = []
    target = ann.download(job.id, tmp_path / "clean.mp4", on_progress=lambda progress: heard.append(progress.done))
    assert target.read_bytes() == film.read_bytes()
    assert proxy.cuts_down == []
    fetches = [head for head in proxy.heads if head.startswith("GET /files/")]
    assert [("range: bytes=" in head) for head in fetches] == [False, True, True]
    assert not any("authorization" in head for head in fetches), "a signed URL is shown no token"
    assert heard == sorted(heard)


def test_a_download_that_was_given_up_is_gone_on_with(ann: Asking, proxy: Proxy, film: Path, tmp_path: Path) -> None:
    job = ann.over(ann.submit(film, **RIGHTS).id).checked()
    proxy.cuts_down.append(6 * MIB)

    def hang_up(progress) -> None:
        proxy.refused.append("GET /files/")

    with pytest.raises((UnavailableError, TransferError)):
        ann.download(job.id, tmp_path / "clean.mp4", on_progress=hang_up)
    (part,) = tmp_path.glob(".clean.mp4.*.part")
    came = part.stat().st_size
    assert 0 < came < film.stat().st_size
    assert not (tmp_path / "clean.mp4").exists()
    proxy.heal()
    assert ann.download(job.id, tmp_path / "clean.mp4").read_bytes() == film.read_bytes()
    assert any(f"range: bytes={came}-" in head for head in proxy.heads)
    assert not part.exists()


def test_what_an_earlier_process_left_wrongly_is_fetched_anew(ann: Asking, film: Path, tmp_path: Path) -> None:
    job = ann.over(ann.submit(film, **RIGHTS).id).checked()
    part = tmp_path / f".clean.mp4.{job.result.sha256[:16]}.part"
    part.write_bytes(b"wrong" * 1000)
    assert ann.download(job.id, tmp_path / "clean.mp4").read_bytes() == film.read_bytes()
    part.write_bytes(film.read_bytes() + b"more")
    assert ann.download(job.id, tmp_path / "again.mp4").read_bytes() == film.read_bytes()


def test_events_that_break_off_are_asked_for_again(ann: Asking, proxy: Proxy, token: str, clip: Path) -> None:
    job = ann.submit(clip, **RIGHTS, platform="pika")
    until(lambda: ann.get(job.id).step == "Analyzing video")  # where it stays until it is cancelled
    events = f"GET /api/v1/jobs/{job.id}/events"

    def hear(job: Job) -> None:
        if proxy.num_asked(events) == 1:
            proxy.break_lines()

    def cancel() -> None:
        until(lambda: proxy.num_asked(events) == 2)
        with Client(proxy.address, token) as client:
            client.cancel(job.id)

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        assert ann.over(job.id, on_progress=hear).status == "cancelled"
    finally:
        thread.join()
    assert "last-event-id" in next(head for head in proxy.heads[::-1] if head.startswith(events))


def test_where_no_events_get_through_the_job_is_looked_at(ann: Asking, proxy: Proxy, clip: Path) -> None:
    job = ann.submit(clip, **RIGHTS, platform="runway")
    proxy.refused.append(f"GET /api/v1/jobs/{job.id}/events")
    heard: list[str] = []
    done = ann.over(job.id, on_progress=lambda job: heard.append(job.status)).checked()
    assert done.report is not None
    assert heard[-1] == "completed"
    assert proxy.num_asked(f"GET /api/v1/jobs/{job.id}/events") == 1


def test_a_wait_survives_a_service_that_is_away_for_a_while(ann: Asking, proxy: Proxy, clip: Path) -> None:
    job = ann.submit(clip, **RIGHTS, platform="runway")
    proxy.refused.append("GET ")
    timer = threading.Timer(4.0, proxy.refused.clear)
    timer.start()
    began = time.monotonic()
    try:
        assert ann.over(job.id).checked().status == "completed"
    finally:
        timer.join()
    assert time.monotonic() - began > 3.5
