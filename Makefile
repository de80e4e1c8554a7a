# Makes the environment in .venv, then calls the `compendium` command, which is the real interface.

# Interpreters to try in turn; `make book PYTHON=/path/to/python` takes that one.
PYTHON = python3.13 python3.12 python3.11 python3

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_ROOT_USER_ACTION = ignore

.PHONY: book test test-all check-book check-links environment clean
.NOTPARALLEL:

book test: environment
	@.venv/bin/compendium $@

# All tests, those too that repeat one thing for every page.
test-all: environment
	@.venv/bin/compendium test --all

# The pages alone, in a real browser: all checks of each.
check-book: environment
	@.venv/bin/compendium test --all tests/test_site*.py tests/test_spelling.py

# Asks the hosts of all links out of the book; needs a network.
check-links: environment
	@.venv/bin/jupyter-book build . --path-output _build/links --builder linkcheck

environment: .venv/ready

# The stamp is removed first and put back last: without it, .venv is incomplete and is made anew.
# A lock that has changed makes all anew: what it names no longer must go, as one TensorFlow beside the other.
# Modules are compiled at once, on all processors: each kernel would do it again where Python may write no cache.
# pip does the work where uv does not run, or does not reach the index that pip is configured for.
.venv/ready: requirements.lock pyproject.toml
	@for python in $(PYTHON) none; do \
	    "$$python" -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	        2>/dev/null && break; \
	done; \
	if [ "$$python" = none ]; then \
	    echo "make: no Python 3.11, 3.12 or 3.13 with venv among: $(PYTHON); install python3.13 (on Debian and Ubuntu python3-venv too)" >&2; \
	    exit 1; \
	fi; \
	"$$python" -m venv --clear .venv || exit 1; \
	rm -f $@; \
	quiet=; [ -t 1 ] || quiet=--quiet; \
	packages="--no-deps --requirement requirements.lock --editable ."; \
	if .venv/bin/python -m pip install --quiet uv && .venv/bin/uv --version >/dev/null; then \
	    .venv/bin/uv pip install $$quiet --compile-bytecode --python .venv/bin/python $$packages && touch $@ && exit; \
	fi; \
	echo "make: uv cannot install the environment; pip takes over" >&2; \
	.venv/bin/python -m pip install $$quiet --no-compile $$packages && touch $@

clean:
	rm -rf .venv _build
