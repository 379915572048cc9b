"""The model behind the endpoint: an upload in, an answer or a problem out; no HTTP, no Ray."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from lumbar.domain import Basis, View
from lumbar.errors import InputError
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.grading.recognise import recognise
from lumbar.imaging import StudyFiles, find_uploaded, read_study
from lumbar.imaging.files import Files
from lumbar.pipelines.selftest import run_selftest
from serve.answer import Answer, ModelAnswer, answer_of
from serve.logs import unexpected
from serve.problems import Problem, Refused, problem_of
from serve.settings import Limits
from serve.upload import Upload, check_archives

__all__ = ["GradingService"]


class GradingService:
    """A bundle that has passed its self-test, answering one upload at a time.

    Decoding and grading run in one thread of their own: the event loop stays free, and a Grader
    is not shared between threads.
    """

    def __init__(
        self,
        bundle: Bundle,
        limits: Limits,
        *,
        precision: str = "auto",
        basis: Basis | None = None,
    ) -> None:
        """Loads the weights and runs the self-test; BundleError where it does not pass."""
        self._limits = limits
        # Findings of any basis are tested; `basis` is applied to what is answered.
        self._grader = Grader(bundle, precision=precision)
        self._difference = run_selftest(self._grader)
        self._grader.basis = basis
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="grade")

    async def grade(self, upload: Upload, view: View | None = None) -> Answer | Problem:
        """The 25 findings of the one study in an upload, or why there are none.

        `view` is what the sender knows of pictures that cannot tell it themselves (PNG). Never
        raises: an error that crossed to another process would be logged with its text.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._answer, upload, view)

    async def model(self) -> ModelAnswer:
        """The bundle's card; that it can be had means that the self-test has passed."""
        bundle = self._grader.bundle
        return ModelAnswer(
            bundle=bundle.name, selftest_difference=self._difference, card=dict(bundle.card)
        )

    def _answer(self, upload: Upload, view: View | None) -> Answer | Problem:
        try:
            check_archives(upload.files, self._limits)
            began = time.perf_counter()
            found, files = _only(find_uploaded(upload.files, limits=self._limits.archive))
            study = read_study(found, files=files, recognise=recognise, views=view)
            seconds = {"read": time.perf_counter() - began}
            return answer_of(study, self._grader.grade(study), upload.names, seconds)
        except Refused as refusal:
            return refusal.problem
        except InputError as error:
            return problem_of(error)
        except Exception as error:
            return unexpected(error)


def _only(studies: list[tuple[StudyFiles, Files]]) -> tuple[StudyFiles, Files]:
    if len(studies) == 1:
        return studies[0]
    raise Refused(
        Problem.of(
            "several-studies",
            422,
            "Several studies",
            f"the files belong to {len(studies)} studies; one request is for one study",
            "send each study in a request of its own; PNG pictures of one study may come "
            "together, without folders",
        )
    )
