"""The application on Ray Serve: one ingress that speaks HTTP, replicas that hold the model.

`python -m serve` runs it on this machine; `serve deploy serve/serve.yaml` on a cluster. What
loads torch is imported where the model is, so that the ingress starts fast and stays small.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from fastapi import FastAPI
from ray import serve
from ray.exceptions import RayError
from ray.serve.config import AutoscalingConfig
from ray.serve.context import _get_global_client
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import LoggingConfig

from lumbar.domain import View
from lumbar.errors import BundleError
from serve.answer import ModelAnswer
from serve.api import make_api, report_sender
from serve.graded import Graded
from serve.identity import Callers
from serve.job import Progress
from serve.metrics import Meter, scrape
from serve.problems import Problem, Refused
from serve.sent import SentStudy
from serve.settings import ServeArguments, check_host, read_arguments
from serve.shared_board import shared_board

if TYPE_CHECKING:
    from lumbar.grading.bundle import Bundle

__all__ = ["GraderReplica", "Ingress", "build", "load_bundle"]

QUIET = LoggingConfig(enable_access_log=False, log_level="WARNING")
"""Serve's own line a request has the client's address and says less than ours (`logs.py`)."""


def quieten() -> None:
    """No warnings in this process: a library's may quote an attribute or a file's name."""
    warnings.simplefilter("ignore")


def load_bundle(path: Path) -> Bundle:
    """The bundle to serve; BundleError that says what to do where there is none."""
    if not path.is_dir():
        raise BundleError(f"no bundle at {path}: run `make demo` first, or name one with --bundle")
    from lumbar.grading.bundle import Bundle

    return Bundle.load(path)


class GraderReplica:
    """One copy of the model. Takes studies, tells how far they are, gives results."""

    def __init__(self, arguments: ServeArguments) -> None:
        import torch

        from serve.grading import GradingService

        quieten()
        torch.set_num_threads(arguments.cpus_per_replica)
        self._bundle = load_bundle(arguments.bundle)
        self._service = GradingService(
            self._bundle,
            arguments.limits,
            precision=arguments.precision,
            basis=arguments.graded_basis,
        )

    async def grade(
        self, sent: SentStudy, view: View | None
    ) -> AsyncGenerator[Progress | Graded | Problem]:
        """How far a study has come, and last what came of it."""
        async with aclosing(self._service.grade(sent, view)) as told:
            async for one in told:
                yield one

    async def reconfigure(self, config: Mapping[str, Any]) -> None:
        """`user_config`: answer with another `bundle` from the next study on, without a restart.

        Raises BundleError where it cannot be used; the one before then answers on.
        """
        folder = Path(config.get("bundle") or self._bundle.path)
        if folder != self._bundle.path:
            bundle = load_bundle(folder)
            await self._service.swap(bundle)
            self._bundle = bundle

    async def model(self) -> ModelAnswer:
        """The model of this replica."""
        return await self._service.model()


class Ingress:
    """What speaks HTTP: receives, hands on, answers."""

    def __init__(self, grader: DeploymentHandle[Any], arguments: ServeArguments) -> None:
        quieten()
        check_listening(keyed=bool(arguments.read_keys()))
        self._grader, self._arguments = grader, arguments

    async def __serve_build_asgi_app__(self) -> FastAPI:
        return make_api(
            Replicas(self._grader),
            self._arguments.limits,
            await shared_board(self._arguments.keep, self._arguments.limits),
            callers=Callers(self._arguments.read_keys()),
            at_once=at_once(self._arguments),
            dicomweb=self._arguments.dicomweb,
            meter=Meter(),
            scrape=scrape,
        )


class Replicas:
    """`api.Grading` by the model's replicas; what happens to one of them is a clear 503."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = handle

    async def grade(
        self, sent: SentStudy, view: View | None
    ) -> AsyncGenerator[Progress | Graded | Problem]:
        """How far a study has come, and last what came of it."""
        told: Any = self._handle.options(stream=True).grade.remote(sent, view)
        try:
            async for one in told:
                yield one
        except (RayError, RayServeException) as error:
            raise Refused(_lost(error)) from None
        finally:
            told.cancel()

    async def model(self) -> ModelAnswer:
        """The model of one of the replicas."""
        try:
            answer: ModelAnswer = await self._handle.model.remote()
        except (RayError, RayServeException) as error:
            raise Refused(_lost(error)) from None
        return answer


def _lost(error: Exception) -> Problem:
    detail = f"the model that was to answer is gone ({type(error).__name__})"
    hint = "send it again: another one is being started"
    return Problem.of("replica-lost", 503, "Try again", detail, hint)


def at_once(arguments: ServeArguments) -> int:
    """Studies that are with the replicas at a time: for each, one graded and two being read."""
    return 3 * arguments.max_replicas


def check_listening(*, keyed: bool) -> None:
    """ConfigError where the Ray Serve that runs here listens beyond loopback without keys."""
    client = (
        _get_global_client(raise_if_no_controller_running=False) if ray.is_initialized() else None
    )
    if client is not None:
        check_host(client.http_config.host, keyed=keyed)


def build(arguments: ServeArguments | Mapping[str, Any]) -> serve.Application:
    """The application, for `serve run serve.app:build bundle=...` and for deploy files.

    Ray hands the arguments of both over as they stand there. Raises BundleError where the bundle
    cannot be used, ConfigError where Serve is on an address that others can reach, reports cannot
    be sent to where they should, or an argument is unknown or no such value.
    """
    arguments = read_arguments(arguments)
    report_sender(arguments.dicomweb)
    check_listening(keyed=bool(arguments.read_keys()))
    load_bundle(arguments.bundle)
    return _ingress(_grader(arguments), arguments)


def _grader(arguments: ServeArguments) -> serve.Application:
    deployed = serve.deployment(
        name="Grader",
        user_config={"bundle": str(arguments.bundle)},  # another one is swapped in, in place
        ray_actor_options={"num_cpus": arguments.cpus_per_replica},
        # Asked for its state while it grades; the ingress's desk is what bounds its work.
        max_ongoing_requests=at_once(arguments) + 8,
        autoscaling_config=AutoscalingConfig(
            min_replicas=1,  # the first upload must not wait for a model to load
            max_replicas=arguments.max_replicas,
            target_ongoing_requests=2,  # one graded, one whose bytes are there already
            upscale_delay_s=arguments.upscale_s,
            downscale_delay_s=arguments.downscale_s,
        ),
        max_constructor_retry_count=1,  # a bundle that fails its self-test fails it again
        # What was begun may end: replicas are told to stop, and leave when they are idle.
        graceful_shutdown_timeout_s=arguments.limits.study_s,
        logging_config=QUIET,
    )(GraderReplica)
    application: serve.Application = deployed.bind(arguments)
    return application


def _ingress(grader: serve.Application, arguments: ServeArguments) -> serve.Application:
    deployed = serve.deployment(
        name="Ingress",
        ray_actor_options={"num_cpus": 0},  # it waits for the network and for the model
        # Health is answered while uploads arrive and events are followed; `Limits` bound those
        # (`uploads_at_once`, `waiting_at_once`, `streams`) well below.
        max_ongoing_requests=500,
        max_constructor_retry_count=1,
        graceful_shutdown_timeout_s=arguments.limits.drain_s + 10,
        logging_config=QUIET,
    )(serve.ingress()(Ingress))
    application: serve.Application = deployed.bind(grader, arguments)
    return application
