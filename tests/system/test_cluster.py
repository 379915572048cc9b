"""cluster.yaml is one that `ray up` takes, and one that keeps strangers out."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
Config = dict[str, Any]


@pytest.fixture(scope="module")
def cluster() -> Config:
    return dict(yaml.safe_load((ROOT / "cluster.yaml").read_text(encoding="utf-8")))


def starts(cluster: Config) -> list[str]:
    """The commands that start Ray, head first."""
    commands = [*cluster["head_start_ray_commands"], *cluster["worker_start_ray_commands"]]
    return [command for command in commands if "ray start" in command]


def test_ray_accepts_the_file(cluster: Config) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(cluster))


def test_ray_refuses_the_file_with_a_misspelt_key(cluster: Config) -> None:
    import jsonschema
    from ray.autoscaler._private.util import prepare_config, validate_config

    with pytest.raises(jsonschema.ValidationError, match="idle_timeout_minute"):
        validate_config(prepare_config({**cluster, "idle_timeout_minute": 5}))


def test_every_node_starts_with_token_authentication(cluster: Config) -> None:
    assert len(starts(cluster)) == 2
    for command in starts(cluster):
        before, _, _ = command.partition("ray start")
        assert "RAY_AUTH_MODE=token" in before
        assert "RAY_AUTH_TOKEN_PATH=$HOME/.ray/lumbar-token" in before


def test_the_token_reaches_every_node_as_a_private_file(cluster: Config) -> None:
    assert cluster["file_mounts"]["/home/ubuntu/.ray/lumbar-token"] == "~/.ray/lumbar-token"
    assert "chmod 600 ~/.ray/lumbar-token" in cluster["setup_commands"]


def test_authentication_is_switched_off_nowhere() -> None:
    assert "disabled" not in (ROOT / "cluster.yaml").read_text(encoding="utf-8")


def test_the_dashboard_listens_on_loopback_only(cluster: Config) -> None:
    assert re.findall(r"--dashboard-host[ =](\S+)", " ".join(starts(cluster))) == ["127.0.0.1"]


def test_only_ssh_may_come_in(cluster: Config) -> None:
    rules = cluster["provider"]["security_group"]["IpPermissions"]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in rules] == [(22, 22)]


def test_the_head_takes_no_work(cluster: Config) -> None:
    head = cluster["available_node_types"][cluster["head_node_type"]]
    assert head["resources"]["CPU"] == 0
    assert "--num-cpus=0" in starts(cluster)[0]


def test_workers_come_and_go_with_the_work(cluster: Config) -> None:
    workers = {
        name: kind
        for name, kind in cluster["available_node_types"].items()
        if name != cluster["head_node_type"]
    }
    assert all(kind["min_workers"] == 0 < kind["max_workers"] for kind in workers.values())
    assert sum(kind["max_workers"] for kind in workers.values()) <= cluster["max_workers"]
    assert [name for name, kind in workers.items() if kind["resources"].get("GPU")] == ["gpu"]
    assert cluster["idle_timeout_minutes"] > 0


def test_disks_are_encrypted_and_end_with_their_node(cluster: Config) -> None:
    assert cluster["provider"]["cache_stopped_nodes"] is False
    for kind in cluster["available_node_types"].values():
        assert kind["node_config"]["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True


def test_nodes_run_the_locked_versions(cluster: Config) -> None:
    assert any("uv pip sync" in command for command in cluster["setup_commands"])
    assert cluster["file_mounts"]["/home/ubuntu/lumbar/requirements.lock"] == "requirements.lock"
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert f"\nray=={version('ray')}\n" in lock
