"""Every job's exit codes and its last line."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs._command import at_least, existing_path, json_line, run
from lumbar.errors import BundleError, ConfigError, DecodeError


def outcome(main: Callable[[Namespace], dict[str, Any]], *argv: str, **options: bool) -> int:
    parser = ArgumentParser(prog="count")
    parser.add_argument("--studies", type=int, default=0)
    with pytest.raises(SystemExit) as caught:
        run(main, parser, argv=argv, **options)
    return int(caught.value.code or 0)


def failing(error: Exception) -> Callable[[Namespace], dict[str, Any]]:
    def main(_: Namespace) -> dict[str, Any]:
        raise error

    return main


@pytest.mark.parametrize(
    ("text", "least", "fits"),
    [("1", 1, True), ("0", 1, False), ("0", 0, True), ("-1", 0, False), ("x", 0, False)],
)
def test_counts_have_a_least(text: str, least: int, fits: bool) -> None:
    if fits:
        assert at_least(least)(text) == int(text)
    else:
        with pytest.raises(ArgumentTypeError, match=f"a whole number, {least} or more: {text}"):
            at_least(least)(text)


def test_the_last_line_is_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    def main(arguments: Namespace) -> dict[str, Any]:
        print("counting ...")
        return {"studies": arguments.studies}

    assert outcome(main, "--studies", "3") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"studies": 3}


@pytest.mark.parametrize(("failed", "code"), [(0, 0), (2, 3)])
def test_rows_that_failed_exit_with_3(failed: int, code: int) -> None:
    assert outcome(lambda _: {"failed": failed}) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("no key x"), 2),
        (BundleError("no card.json"), 2),
        (DecodeError("3.dcm: cut short"), 1),
        (OSError("disk is full"), 1),
    ],
)
def test_an_error_exits_with_its_code_in_one_line(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    assert outcome(failing(error)) == code
    assert capsys.readouterr().err == f"count: {error}\n"


def test_an_unknown_argument_is_refused() -> None:
    assert outcome(lambda _: {}, "--train.epochs", "3") == 2


def test_overrides_are_handed_on_where_a_recipe_judges_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = outcome(lambda a: {"got": a.overrides}, "--train.epochs", "3", overrides=True)
    assert code == 0
    assert json.loads(capsys.readouterr().out) == {"got": ["--train.epochs", "3"]}


def test_the_line_is_strict_json_whatever_the_figures_are() -> None:
    result = {"loss": float("nan"), "n": np.int64(3), "shares": np.ones(2), "out": Path("runs")}
    assert json.loads(json_line(result)) == {
        "loss": None,
        "n": 3,
        "shares": [1.0, 1.0],
        "out": "runs",
    }


def test_a_path_that_is_not_there_is_a_wrong_argument(tmp_path: Path) -> None:
    parser = ArgumentParser()
    parser.add_argument("--input", type=existing_path)
    assert parser.parse_args(["--input", str(tmp_path)]).input == tmp_path
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["--input", str(tmp_path / "gone")])
