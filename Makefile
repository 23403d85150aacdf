# The commands of the project. `make env` needs only python3 (3.11 to 3.13) and the package registry.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
DIST := dist/digits
CODE := kexport targets samples tests

.PHONY: env demo test lint format check bench torch pi versions oldest lock clean

env: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

# With npm the TensorFlow.js artifact is verified too, and not just written.
demo: env
	@if command -v npm >/dev/null; then $(VENV)/bin/kexport doctor --install tfjs; \
	else echo "there is no npm here, so the TensorFlow.js artifact is written and not run"; fi
	$(PY) samples/digits.py --out $(DIST)
	$(VENV)/bin/kexport export $(DIST)/digits.keras --inputs $(DIST)/samples.npz -o $(DIST)

test: lint check

# Tests of what runs in JavaScript skip where there is no npm. The files of tests are shared out between two processes.
check: env
	-$(VENV)/bin/kexport doctor --install tfjs --install onnx --install tflite
	$(PY) -m pytest -n 2 --dist loadfile --durations=20

lint: env
	$(PY) -m ruff check $(CODE)
	$(PY) -m ruff format --check $(CODE)
	$(PY) -m pyright

format: env
	$(PY) -m ruff check --fix $(CODE)
	$(PY) -m ruff format $(CODE)

# kexport beside its peers, each in a process of its own: minutes, not part of the tests.
bench: env
	$(PY) -m tests.benchmarks

# PyTorch is not in the lock (its default wheel brings gigabytes of CUDA); tests that need it skip without it.
torch: env
	$(PIP) install torch==2.13.0

# Emulated Raspberry Pis, on which tests then replay checks: build/pi/pi3, pi4, pi5. Wants Debian 12 and qemu-user-static.
pi: env
	$(PY) -m tests.replay.pi build/pi

# kexport beside Keras 3.3 to 3.15 and TensorFlow 2.16 to 2.21, each pair in an environment of its own: 2 GB and minutes each.
versions: env
	$(PY) -m tests.versions $(PAIRS)

# The environment of the oldest pair, beside which the tests then export a few models: build/versions.
oldest: env
	$(PY) -m tests.versions --install 3.3/2.16

# Versions and hashes for every supported Python and platform, without naming any index.
lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip --disable-pip-version-check --quiet install "uv>=0.13,<0.14"
	$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" \
	    --extra all --extra jax --extra peers --extra dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) $(VENV)-lock build dist .pytest_cache .ruff_cache .hypothesis
