"""A report carries what the work cost, or says that it cost nothing."""

from __future__ import annotations

import json
from pathlib import Path

from blanklogo.types import Cost, PixelShares, Report, Verification

COST = Cost("modal", 0.0012345678, 35.15876, True, "mid 2026")


def a_report(cost: Cost | None = None) -> Report:
    return Report("auto", None, 1.0, 1.0, 30, 0, 2.0, (), PixelShares(), Verification("no_mark"), cost=cost)


def test_work_on_this_machine_has_no_cost() -> None:
    assert a_report().cost is None
    assert a_report().as_dict()["cost"] is None


def test_a_cost_is_printed_in_figures_that_can_be_read() -> None:
    told = json.loads(json.dumps(a_report(COST).as_dict()))["cost"]
    assert told == {
        "provider": "modal",
        "usd": 0.001235,
        "seconds": 35.159,
        "is_cold": True,
        "price_date": "mid 2026",
    }


def test_the_page_on_reports_explains_every_field() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "report.md").read_text()
    part = page.partition("### `cost`")[2].partition("## `result` of `detect`")[0]
    assert [name for name in COST.as_dict() if f"| `{name}` |" not in part] == []
