"""The endpoint starts on loopback with a bundle, or says in one line what is missing."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from lumbar.errors import BundleError, ConfigError
from lumbar.grading.bundle import Bundle
from lumbar.grading.shipped import starter_path
from serve.__main__ import _arguments, _parser, main
from serve.app import build
from serve.job_routes import Room
from serve.problems import Refused
from serve.settings import Limits, ServeArguments, check_host

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost", None])
def test_bar_46_loopback_is_served(host: str | None) -> None:
    assert check_host(host) in ("127.0.0.1", "127.0.0.2", "::1")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", ""])
def test_bar_46_any_other_address_is_refused_with_the_reason(host: str) -> None:
    with pytest.raises(ConfigError, match="without API keys"):
        check_host(host)


def test_bar_46_the_command_refuses_another_address(
    served_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--bundle", str(served_bundle.path), "--host", "0.0.0.0"]) == 2
    assert "without API keys" in capsys.readouterr().err


def test_a_missing_bundle_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--bundle", str(tmp_path / "none"), "--port", "0"]) == 2
    error = capsys.readouterr().err
    assert "run `make demo` first, or name one with --bundle" in error
    assert len(error.strip().splitlines()) == 1


def test_a_port_that_is_taken_is_one_clear_error(
    served_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--bundle", str(served_bundle.path), "--port", str(port)]) == 2
    assert f"port {port}" in capsys.readouterr().err


def test_each_option_of_the_command_reaches_the_server() -> None:
    words = (
        "--bundle b --basis any --precision fp32 --max-replicas 3 --cpus-per-replica 2 --keys k "
        "--study-seconds 7 --stow-to http://127.0.0.1:8042/dicom-web --jobs j --keep-hours 1.5"
    )
    told = _arguments(_parser().parse_args(words.split()))
    here = Path.cwd()
    assert (told.bundle, told.keys, told.keep.folder) == (here / "b", here / "k", here / "j")
    assert (told.basis, told.precision, told.keep.hours) == ("any", "fp32", 1.5)
    assert (told.max_replicas, told.cpus_per_replica, told.limits.study_s) == (3, 2, 7)
    assert told.dicomweb.send_to == "http://127.0.0.1:8042/dicom-web"


def test_without_options_the_server_is_as_its_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    plain, usual = _arguments(_parser().parse_args([])), ServeArguments()
    assert plain.bundle == starter_path().absolute()
    assert plain.keep.folder == usual.keep.folder.absolute()
    update = {"bundle": usual.bundle, "keep": usual.keep, "cpus_per_replica": 1}
    assert plain.cpus_per_replica == 6
    assert plain.model_copy(update=update) == usual
    assert _arguments(_parser().parse_args(["--max-replicas", "4"])).cpus_per_replica == 1


def test_a_wrong_argument_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--precision", "fp8"]) == 2
    assert "--precision" in capsys.readouterr().err


def test_build_refuses_a_missing_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="make demo"):
        build(ServeArguments(bundle=tmp_path / "none"))


def test_build_takes_the_words_that_ray_hands_over(served_bundle: Bundle) -> None:
    """`serve run serve.app:build bundle=...` gives a dict of words, a deploy file one of values."""
    from ray.serve._private.api import call_user_app_builder_with_args_if_necessary as as_ray_does

    words = {"bundle": str(served_bundle.path), "max_replicas": "2", "cpus_per_replica": "1"}
    assert as_ray_does(build, words)


def test_build_names_an_unknown_argument_and_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"max_replica.*did you mean max_replicas"):
        build({"max_replica": 2})
    with pytest.raises(ConfigError, match=r"max_replicas: .*found 'many'"):
        build({"max_replicas": "many"})


def test_bar_46_the_deploy_file_listens_on_loopback_and_fits_the_arguments() -> None:
    deploy = yaml.safe_load((ROOT / "serve" / "serve.yaml").read_text(encoding="utf-8"))
    assert check_host(deploy["http_options"]["host"]) == "127.0.0.1"
    arguments = ServeArguments.model_validate(deploy["applications"][0]["args"])
    assert deploy["http_options"]["request_timeout_s"] == arguments.limits.request_s
    assert deploy["logging_config"]["enable_access_log"] is False


def test_ray_serve_takes_the_deploy_file() -> None:
    from ray.serve.schema import ServeDeploySchema

    text = (ROOT / "serve" / "serve.yaml").read_text(encoding="utf-8")
    schema = ServeDeploySchema.model_validate(yaml.safe_load(text))
    assert [app.import_path for app in schema.applications] == ["serve.app:build"]


async def second_place(room: Room) -> None:
    async with room.place(), room.place():
        raise AssertionError("two uploads where there is room for one")


def test_one_upload_more_than_there_is_room_for_is_sent_away() -> None:
    import asyncio

    room = Room(Limits(uploads_at_once=1).uploads_at_once)
    for _ in range(2):  # a place that was taken is given back
        with pytest.raises(Refused) as refused:
            asyncio.run(second_place(room))
        assert refused.value.problem.status == 503
