"""What a worker loads before it serves, and needs neither a name nor ports nor neighbours for."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ivr.dialogue.trial import Trial
from ivr.nlu.choice import interpreter_of
from ivr.nlu.endings import Endings, learn_endings
from ivr.nlu.interpreter import Interpreter
from ivr.settings import Settings
from ivr.speech.recognition.choice import ChosenRecogniser
from ivr.storage.flow_archive import FlowArchive


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """Flows, hearing and understanding, loaded. Whoever serves with them closes them."""

    trial: Trial
    archive: FlowArchive
    recogniser: ChosenRecogniser
    endings: Mapping[str, Endings]
    interpreter: Interpreter


def load_engines(settings: Settings) -> Engines:
    """Load what `settings` name; blocks for a second or several. Raises IvrError."""
    archive = FlowArchive(settings.var_dir / "flows")
    usual = archive.load(settings.flow)
    tried = None if settings.flow_trial is None else archive.load(settings.flow_trial)
    trial = Trial(usual, tried, settings.flow_trial_share)
    languages = {language for flow in trial.flows for language in flow.languages}
    recogniser = ChosenRecogniser(settings)
    with ThreadPoolExecutor(thread_name_prefix="load") as pool:
        heard = pool.submit(recogniser.load)
        endings = pool.submit(learn_endings, settings.nlu_dir, languages)
        interpreter = pool.submit(
            interpreter_of,
            settings.nlu_engine,
            settings.nlu_dir,
            settings.var_dir,
            settings.rasa_urls,
        )
        heard.result()
        return Engines(
            trial=trial,
            archive=archive,
            recogniser=recogniser,
            endings=endings.result(),
            interpreter=interpreter.result(),
        )
