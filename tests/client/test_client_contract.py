"""What both clients do at a service that runs: one suite for the one that waits and the one that is awaited."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from asking_clients import PATIENCE_SECONDS, RIGHTS, Asking, asking
from cutting_proxy import Proxy

from blanklogo.client import AsyncClient, AsyncEndpoint, Client, Endpoint, Job, process_video
from blanklogo.errors import (
    CancelledError,
    ConflictError,
    NotFoundError,
    OptionError,
    PendingError,
    SourceError,
    TargetError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
    VerificationError,
)
from blanklogo.types import Box
from loopback import Files, serving


@pytest.fixture
def server(clip: Path) -> Iterator[Files]:
    with serving() as files:
        files.files["/clip.mov"] = clip.read_bytes()
        yield files


def until_processing(client: Asking, job_id: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while client.get(job_id).status == "queued":
        assert time.monotonic() < end
        time.sleep(0.02)


# The way through


def test_a_file_is_brought_followed_and_fetched(ann: Asking, clip: Path, tmp_path: Path) -> None:
    sent: list[tuple[str, int, int]] = []
    job = ann.submit(
        clip,
        **RIGHTS,
        mode="inpaint",
        boxes=[Box(1, 2, 30, 40), (50, 2, 80, 40)],
        metadata={"order": 17},
        on_progress=lambda progress: sent.append((progress.stage, progress.done, progress.total)),
    )
    size = clip.stat().st_size
    assert (job.status, job.input_name) == ("queued", "clip.mp4")
    assert sent == [("upload", 0, size), ("upload", size, size)]
    heard: list[Job] = []
    done = ann.over(job.id, on_progress=heard.append).checked()
    assert (done.status, done.outcome, done.metadata, done.progress_percent) == (
        "completed",
        "clean",
        {"order": 17},
        100,
    )
    assert done.report.mode == "inpaint"
    assert heard[-1] == done
    assert [job.progress_percent for job in heard] == sorted(job.progress_percent for job in heard)
    target = ann.download(job.id, tmp_path / "clean.mp4")
    assert target.read_bytes() == clip.read_bytes()
    assert done.result.sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert ann.download(job.id, tmp_path).name == "clip.clean.mp4"
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == set()


def test_a_video_at_a_url_is_fetched_by_the_service(ann: Asking, server: Files) -> None:
    url = server.address.replace("127.0.0.1", "localhost") + "/clip.mov"
    job = ann.submit(url, **RIGHTS, platform="tiktok")
    assert ann.over(job.id).checked().report.platform == "tiktok"


def test_a_name_makes_one_job_of_two_calls(ann: Asking, server: Files) -> None:
    url = server.address.replace("127.0.0.1", "localhost") + "/clip.mov"
    jobs = {ann.submit(url, **RIGHTS, idempotency_key="order-17").id for _ in range(2)}
    assert len(jobs) == 1
    with pytest.raises(ConflictError, match="another request"):
        ann.submit(url, **RIGHTS, idempotency_key="order-17", mode="crop")


def test_a_file_under_a_name_is_one_job_where_its_upload_is_noted(ann: Asking, clip: Path, tmp_path: Path) -> None:
    how = {"idempotency_key": "order-18", "notes": tmp_path / "notes", **RIGHTS}
    first = ann.submit(clip, **how)
    ann.over(first.id)  # by when the service has let the input go
    assert ann.submit(clip, **how).id == first.id
    assert ann.list().num_total == 1


def test_files_and_urls_are_a_batch(ann: Asking, clip: Path, server: Files, tmp_path: Path) -> None:
    other = tmp_path / "other.mov"
    other.write_bytes(b"other" * 1000)
    url = server.address.replace("127.0.0.1", "localhost") + "/clip.mov"
    sent: list[tuple[int, int]] = []
    batch = ann.submit_batch(
        [clip, url, str(other)],
        **RIGHTS,
        platform="sora",
        metadata={"order": 17},
        on_progress=lambda progress: sent.append((progress.done, progress.total)),
    )
    total = clip.stat().st_size + 5000
    assert sent == [(0, total), (total - 5000, total), (total - 5000, total), (total, total)]
    assert [(job.input_name, job.status, job.batch_id) for job in batch] == [
        ("clip.mp4", "queued", batch.id),
        ("", "queued", batch.id),
        ("other.mov", "queued", batch.id),
    ]
    ended = [ann.over(job.id).checked() for job in batch]
    assert [job.input_name for job in ended] == ["clip.mp4", "clip.mov", "other.mov"]
    assert {(job.report.platform, job.metadata["order"]) for job in ended} == {("sora", 17)}
    assert {job.id for job in ann.list(batch_id=batch.id)} == {job.id for job in batch.jobs}
    assert ann.download(ended[2].id, tmp_path / "clean.mov").read_bytes() == other.read_bytes()


def test_a_name_makes_one_batch_of_two_calls(ann: Asking, clip: Path, tmp_path: Path) -> None:
    how = {"idempotency_key": "order-19", "notes": tmp_path / "notes", **RIGHTS}
    first = ann.submit_batch([clip, clip], **how)
    for job in first:
        ann.over(job.id)  # by when the service has let the inputs go
    assert [job.id for job in ann.submit_batch([clip, clip], **how)] == [job.id for job in first]
    with pytest.raises(ConflictError, match="another request"):
        ann.submit_batch([clip], **how)
    assert ann.list().num_total == 2


def test_what_is_no_batch_is_refused_before_anything_is_sent(ann: Asking, proxy: Proxy, clip: Path) -> None:
    for wrong in ([], [clip] * 21, clip, str(clip), ["ftp://localhost/clip.mp4"]):
        with pytest.raises((OptionError, SourceError)):
            ann.submit_batch(wrong, **RIGHTS)
    with pytest.raises(SourceError, match="nowhere"):
        ann.submit_batch([clip, clip.with_name("nowhere.mp4")], **RIGHTS)
    with pytest.raises(OptionError, match="rights"):
        ann.submit_batch([clip], rights_confirmed=False)
    assert proxy.asked == []


def test_what_was_made_before_is_given_unless_it_is_to_be_fresh(ann: Asking, clip: Path) -> None:
    made = ann.over(ann.submit(clip, **RIGHTS).id)
    again = ann.over(ann.submit(clip, **RIGHTS).id)
    fresh = ann.over(ann.submit(clip, **RIGHTS, fresh=True).id)
    assert (made.from_cache, again.from_cache, fresh.from_cache) == (None, made.id, None)


def test_jobs_are_listed_page_by_page(ann: Asking, clip: Path) -> None:
    made = [ann.submit(clip, **RIGHTS).id for _ in range(3)]
    for job_id in made:
        ann.over(job_id)
    page = ann.list(limit=2)
    assert [job.id for job in page] == made[:0:-1]
    assert (page.num_total, page.next_offset) == (3, 2)
    assert ann.list(offset=2).next_offset is None
    assert [job.id for job in ann.all(limit=1)] == made[::-1]
    assert ann.list(status=["failed", "cancelled"]).jobs == ()


def test_a_job_is_cancelled_and_tried_again(ann: Asking, clip: Path) -> None:
    job = ann.submit(clip, **RIGHTS, platform="pika")
    until_processing(ann, job.id)
    ann.cancel(job.id)
    ended = ann.over(job.id)
    assert ended.status == "cancelled"
    with pytest.raises(CancelledError, match=job.id):
        ended.checked()
    assert ann.retry(job.id).status == "queued"
    ann.cancel(job.id)
    assert ann.over(job.id).status == "cancelled"


def test_a_job_that_fails_says_why_in_our_errors(ann: Asking, clip: Path) -> None:
    ended = ann.over(ann.submit(clip, **RIGHTS, platform="kling").id)
    with pytest.raises(SourceError, match="a text and no video") as caught:
        ended.checked()
    assert (caught.value.came, caught.value.hint) == ("a text and no video", "a video")


def test_waiting_ends_with_its_time_and_the_job_goes_on(ann: Asking, clip: Path) -> None:
    job = ann.submit(clip, **RIGHTS, platform="pika")
    with pytest.raises(PendingError) as caught:
        ann.wait(job.id, timeout_seconds=0.5)
    assert isinstance(caught.value, TimeoutError)
    assert not ann.get(job.id).is_over
    ann.cancel(job.id)


def test_bytes_in_bytes_out(ann: Asking, clip: Path) -> None:
    clean, stats = ann.process_video(clip.read_bytes(), "auto", "tiktok", **RIGHTS)
    assert clean == clip.read_bytes()
    assert set(stats) == {
        "mode",
        "platform",
        "input_size_mb",
        "output_size_mb",
        "frames_processed",
        "watermarks_detected",
        "processing_time_s",
    }
    with pytest.raises(SourceError, match="a text and no video"):
        ann.process_video(clip.read_bytes(), platform="kling", **RIGHTS)


def test_what_there_is_to_choose_and_what_it_takes(ann: Asking) -> None:
    assert {one.id: one.crop_px for one in ann.platforms()}["sora"] == 100
    first, *_ = ann.estimate(1920, 1080, 300)
    assert (first.provider, first.run_seconds > 0) == (None, True)
    assert ann.health().status == "healthy"
    assert (ann.readiness().is_ready, ann.readiness().num_orchestrators) == (True, 1)


# Refusals


def test_what_is_not_there_is_told_with_code_and_request(ann: Asking) -> None:
    with pytest.raises(NotFoundError) as caught:
        ann.get("job_0123456789ab")
    error = caught.value
    assert error.code == "not_found"
    assert error.request_id.startswith("req_")
    assert error.hint
    with pytest.raises(NotFoundError):
        ann.wait("job_0123456789ab")
    with pytest.raises(NotFoundError, match="no job"):
        ann.get("../../health")


def test_what_does_not_fit_is_refused_before_anything_is_sent(ann: Asking, proxy: Proxy, clip: Path) -> None:
    for wrong in ({"mode": "magic"}, {"platform": "vhs"}, {"boxes": [(1, 2, 3)]}, {"colour": "red"}):
        with pytest.raises(OptionError):
            ann.submit(clip, **RIGHTS, **wrong)
    with pytest.raises(OptionError, match="rights"):
        ann.submit(clip, rights_confirmed=False)
    with pytest.raises(SourceError):
        ann.submit(clip.with_name("nowhere.mp4"), **RIGHTS)
    with pytest.raises(TooLargeError) as caught:
        ann.process_video(bytes(38_000_000), **RIGHTS)
    assert "submit" in caught.value.hint
    assert proxy.asked == []


def test_the_service_has_the_last_word(ann: Asking, clip: Path) -> None:
    with pytest.raises(OptionError, match="codec") as caught:
        ann.submit(clip, **RIGHTS, codec="av1")
    assert caught.value.code == "invalid_request"
    with pytest.raises(OptionError):
        ann.list(limit=1000)
    job = ann.submit(clip, **RIGHTS, platform="pika")
    with pytest.raises(ConflictError):
        ann.download(job.id)
    with pytest.raises(ConflictError):
        ann.retry(job.id)
    ann.cancel(job.id)


def test_a_target_that_is_taken_is_left_alone(ann: Asking, clip: Path, tmp_path: Path) -> None:
    job = ann.over(ann.submit(clip, **RIGHTS).id)
    taken = tmp_path / "taken.mp4"
    taken.write_bytes(b"mine")
    with pytest.raises(TargetError):
        ann.download(job.id, taken)
    assert taken.read_bytes() == b"mine"
    with pytest.raises(TargetError):
        ann.download(job.id, tmp_path / "nowhere" / "clip.mp4")
    assert ann.download(job.id, taken, overwrite=True).read_bytes() == clip.read_bytes()


def test_a_result_that_is_another_one_is_refused(ann: Asking, clip: Path, tmp_path: Path, storage: Path) -> None:
    job = ann.over(ann.submit(clip, **RIGHTS).id)
    (stored,) = (path for path in storage.rglob("output.mp4") if job.id in str(path))
    stored.write_bytes(b"x" + clip.read_bytes()[1:])
    before = set(tmp_path.iterdir())
    with pytest.raises(VerificationError, match="SHA-256"):
        ann.download(job.id, tmp_path / "clean.mp4")
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("kind", ["waiting", "awaited"])
def test_a_token_that_is_none_is_refused_and_never_shown(proxy: Proxy, kind: str, token: str) -> None:
    wrong = token[:-4] + "AAAA"
    with asking(kind, proxy.address, wrong) as client, pytest.raises(UnauthorizedError) as caught:
        client.list()
    assert caught.value.code == "unauthorized"
    shown = f"{client.client!r} {caught.value!r} {caught.value.as_dict()}"
    assert wrong.partition(":")[2] not in shown
    assert wrong.partition(":")[0] in repr(client.client)
    with asking(kind, proxy.address) as client:
        assert client.health().status == "healthy"
        with pytest.raises(UnauthorizedError, match="no token"):
            client.list()


# What both have in common


@pytest.mark.parametrize(("one", "other"), [(Client, AsyncClient), (Endpoint, AsyncEndpoint)])
def test_both_kinds_have_the_same_calls(one: type, other: type) -> None:
    names = {name for name in vars(one) if not name.startswith("_")}
    assert names == {name for name in vars(other) if not name.startswith("_")}
    for name in names:
        assert inspect.getdoc(getattr(one, name)) == inspect.getdoc(getattr(other, name))
        ours, theirs = (inspect.signature(getattr(kind, name)) for kind in (one, other))
        assert ours.parameters == theirs.parameters
        assert "Flow" not in str(ours)


def test_a_coroutine_may_hear(proxy: Proxy, token: str, clip: Path) -> None:
    heard: list[int] = []

    async def hear(progress) -> None:
        await asyncio.sleep(0)
        heard.append(progress.done)

    with asking("awaited", proxy.address, token) as client:
        client.submit(clip, **RIGHTS, on_progress=hear)
    assert heard == [0, clip.stat().st_size]


def test_an_awaited_call_can_be_cancelled(proxy: Proxy, token: str, clip: Path) -> None:
    async def both() -> str:
        async with AsyncClient(proxy.address, token) as client:
            job = await client.submit(clip, **RIGHTS, platform="pika")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.wait(job.id), 0.5)
            return (await client.cancel(job.id)).id

    assert asyncio.run(both()).startswith("job_")


def test_one_call_is_enough_for_bytes(proxy: Proxy, token: str, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLANKLOGO_URL", proxy.address)
    monkeypatch.setenv("BLANKLOGO_TOKEN", token)
    clean, stats = process_video(clip.read_bytes(), rights_confirmed=True)
    assert (clean, stats["frames_processed"]) == (clip.read_bytes(), 2)


def test_a_service_that_is_not_there_is_told_at_once_by_health(proxy: Proxy, token: str) -> None:
    with serving() as files, Client(files.address, token) as client:
        with pytest.raises(NotFoundError):  # a web server, but no BlankLogo
            client.health()
        files.files["/health"] = b"<html>"
        with pytest.raises(UnavailableError, match="cannot be read"):
            client.health()
    with Client(files.address, token) as client, pytest.raises(UnavailableError, match="no line to"):
        client.health()
