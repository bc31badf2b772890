# Everything runs in .venv, which is made from requirements.lock when first needed.
# Needs: Python 3.11 or newer (PYTHON=... chooses one), git, make.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-deep test-windows windows-programs lint bench screenshots lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Install a sample client, apply a hotfix to a sample server, and show what happened
	@$(BIN)/python packaging/demo.py

test: $(READY) ## Run the tests (TESTS="..." passes pytest arguments)
	@$(BIN)/pytest -n auto -m "not deep and not windows" $(TESTS)

test-deep: $(READY) ## Run the tests and the whole matrices
	@$(BIN)/pytest -n auto -m "not windows" $(TESTS)

test-windows: $(READY) ## Run the Windows tests with a Windows Python under Wine
	@bash packaging/windows/run.sh

windows-programs: $(READY) ## Build the Windows programs under Wine, in .cache/wine/executables
	@bash packaging/windows/build_exe.sh

lint: $(READY) ## Check style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy --platform win32

bench: $(READY) ## Measure against other tools (ARGS="--cases F,B --rounds 5 --dir /dev/shm")
	@$(BIN)/python -m benchmarks $(ARGS)

screenshots: $(READY) ## Make the pictures of window and pages in docs/images (needs Xvfb, xdotool, scrot, chromium)
	@$(BIN)/python packaging/screenshots.py
	@$(BIN)/python packaging/page_screenshots.py

lock: ## Write requirements.lock from pyproject.toml, newest versions allowed
	@sh packaging/lock.sh

clean: ## Remove everything that was made here
	rm -rf $(VENV) .cache .demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml packaging/venv.sh
	@sh packaging/venv.sh $(VENV)
