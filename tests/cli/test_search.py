"""``--search``, ``--time-limit`` and Ctrl-C: what was searched, how near it is to the best, and when it ended."""

from __future__ import annotations

import json
import os
import re
import signal

import pytest

import accsim as api

CONV5 = ("run", "alexnet", "--layers", "conv5", "--no-html", "--json", "-")
HEAD = r"searched all legal m, n, e, f, p, q, r and t: [\d,]+ scored, [\d,]+ simulated; "


def notes(said, name: str = "conv5") -> list[str]:
    assert (said.code, said.err) == (0, "")
    return next(layer["notes"] for layer in json.loads(said.out)["layers"] if layer["name"] == name)


def test_a_published_mapping_is_used_unless_a_search_is_asked_for(accsim) -> None:
    assert notes(accsim(*CONV5))[0] == "published mapping of eyeriss; limited to the layer: n = 4 to 1"
    found, published, binds, *_ = notes(accsim(*CONV5, "--search"))
    gap = re.fullmatch(HEAD + r"none can have over ([\d.]+) % less energy", found)
    assert gap is not None
    assert float(gap[1]) <= 0.01  # the clock is paid for every cycle; costs as close as that are equal then
    assert re.fullmatch(r"the published mapping of eyeriss has [\d.]+ % more energy", published)
    assert re.fullmatch(r"less energy with twice the .* \([\d.]+ %\), at the same energy per access", binds)


def test_a_bound_that_is_exact_proves_the_least(accsim) -> None:
    found, *_ = notes(accsim(*CONV5, "--search", "--objective", "traffic"))
    assert re.fullmatch(HEAD + "least off-chip traffic, proved", found)


def test_repeated_searches_give_the_same_bytes(accsim) -> None:
    first, second = (accsim(*CONV5, "--search", "--objective", "edp").out for _ in range(2))
    assert first == second


def test_a_time_limit_gives_the_best_found_and_warns(accsim) -> None:
    said = accsim(*CONV5, "--search", "--objective", "latency", "--time-limit", "0.000001")
    found, *_ = notes(said)
    assert re.fullmatch(HEAD + r"ended early by the time limit; none can have over [\d.]+ % less cycles", found)
    layer = next(row for row in json.loads(said.out)["layers"] if row["name"] == "conv5")
    assert layer["warnings"] == [found]


def test_ctrl_c_ends_the_search_and_the_run_goes_on() -> None:
    def progress(done: int, total: int, name: str) -> None:
        if "mappings scored" in name and not sent:
            sent.append(name)
            os.kill(os.getpid(), signal.SIGINT)

    sent: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    result = api.estimate("vgg16", "eyeriss", layers=["conv3*"], objective="latency", progress=progress)
    layers = [row for row in result.to_dict()["layers"] if row["macs"]]
    assert len(sent) == 1
    assert all(re.match(HEAD + "ended early when interrupted; ", row["notes"][0]) for row in layers)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("seconds", ["0", "-1", "ten", "inf", "nan", "1e3"])
def test_a_time_limit_is_a_number_of_seconds(accsim, seconds: str) -> None:
    said = accsim("run", "alexnet", f"--time-limit={seconds}")
    sentence = f"--time-limit: must be a number of seconds above 0, such as 10 or 0.5, got '{seconds}'"
    assert said == (2, "", f"accsim: error: {sentence}\n")


def test_a_time_limit_in_python() -> None:
    with pytest.raises(api.AccsimError) as caught:
        api.estimate("alexnet", time_limit=0.0)
    assert str(caught.value) == "time_limit must be more than 0 seconds, got 0.0"
