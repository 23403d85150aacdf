# The commands of the project, listed by `make help`. `make env` needs only python3 (3.11 to 3.13) and the package registry.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
DIST := dist/digits
CODE := kexport targets samples tests

.PHONY: help env demo test quick lint format check bench docs dist torch pi versions oldest lock clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: $(VENV)/.installed  ## make the environment from the lock

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

# With npm the TensorFlow.js artifact is verified too, and not just written.
demo: env  ## train a small CNN on digits, export it and verify the artifacts
	@if command -v npm >/dev/null; then $(VENV)/bin/kexport doctor --install tfjs; \
	else echo "there is no npm here, so the TensorFlow.js artifact is written and not run"; fi
	$(PY) samples/digits.py --out $(DIST)
	$(VENV)/bin/kexport export $(DIST)/digits.keras --inputs $(DIST)/samples.npz -o $(DIST)

test: lint check  ## lint, and run the whole suite on two processes

# Tests of what runs in JavaScript skip where there is no npm. The files of tests are shared out between two processes.
check: env  ## run the whole suite
	-$(VENV)/bin/kexport doctor --install tfjs --install onnx --install tflite
	$(PY) -m pytest -n 2 --dist loadfile --durations=20

# What needs no framework, or little of one: under two minutes on two cores.
QUICK := house ir ops rewrite passes text verify cli
quick: env  ## run the fast tests of the rooms that change most, in under two minutes
	$(PY) -m pytest -q -n 2 -m "not slow" --durations=10 $(QUICK:%=tests/%)

lint: env  ## run ruff and pyright
	$(PY) -m ruff check $(CODE)
	$(PY) -m ruff format --check $(CODE)
	$(PY) -m pyright

format: env  ## format, and mend what ruff can mend
	$(PY) -m ruff check --fix $(CODE)
	$(PY) -m ruff format $(CODE)

# kexport beside its peers, each in a process of its own: minutes, not part of the tests.
bench: env  ## measure kexport beside its peers (minutes)
	$(PY) -m tests.benchmarks

$(VENV)/.release: $(VENV)/.installed
	$(PIP) install --no-build-isolation -e '.[release]'
	touch $@

docs: $(VENV)/.release  ## write the API reference from the docstrings into build/docs
	$(PY) -m tests.apidoc build/docs

# The wheel is tried in environments that hold its dependencies, and nothing else of this one.
dist: $(VENV)/.release  ## build wheel and sdist into build/dist, check both, and try the wheel in a bare environment
	rm -rf build/dist
	$(PY) -m build --no-isolation --outdir build/dist .
	$(PY) -m twine check --strict build/dist/*
	$(PY) -m tests.install.wheel build/dist/*.whl

# PyTorch is not in the lock (its default wheel brings gigabytes of CUDA); tests that need it skip without it.
torch: env  ## add PyTorch, for the tests that compare with it
	$(PIP) install torch==2.13.0

# Emulated Raspberry Pis, on which tests then replay checks: build/pi/pi3, pi4, pi5. Wants Debian 12 and qemu-user-static.
pi: env  ## make emulated Raspberry Pis, on which tests replay checks
	$(PY) -m tests.replay.pi build/pi

# kexport beside Keras 3.3 to 3.15 and TensorFlow 2.16 to 2.21, each pair in an environment of its own: 2 GB and minutes each.
versions: env  ## try pairs of Keras and TensorFlow (2 GB and minutes each)
	$(PY) -m tests.versions $(PAIRS)

# The environment of the oldest pair, beside which the tests then export a few models: build/versions.
oldest: env  ## make the environment of the oldest pair, for one test
	$(PY) -m tests.versions --install 3.3/2.16

# Versions and hashes for every supported Python and platform, without naming any index.
lock:  ## renew requirements.lock
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip --disable-pip-version-check --quiet install "uv>=0.13,<0.14"
	$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" \
	    --extra all --extra jax --extra peers --extra dev --extra release pyproject.toml -o requirements.lock

clean:  ## remove the environments and what was built
	rm -rf $(VENV) $(VENV)-lock build dist .pytest_cache .ruff_cache .hypothesis
