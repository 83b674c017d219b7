# Each target does the set-up that it needs. On a machine with Python 3.11 to 3.13, make and git, you can
# start with any of them:
#
#     make train    make test    make lab    make help
#
# Windows has no make: README.md gives the commands that do the same there.

PYTHON ?= python3
# If PYTHON is given, only that Python is used; otherwise the first one with a suitable version.
ifeq ($(origin PYTHON),file)
PYTHONS := python3 python3.11 python3.12 python3.13
else
PYTHONS := "$(PYTHON)"
endif

VENV_PYTHON := .venv/bin/python
OMNI := .venv/bin/omni

.PHONY: train test tests check lint faults lab notebooks book doctor setup clean help

train: setup ## synthesise the corpus, train the encoder, show its word error rate
	@$(OMNI) data synth --out data/audio
	@$(OMNI) train --config configs/audio_enc_tiny.json --resume

test: setup ## check the code and run every test: 11 to 26 minutes on two cores
	@$(MAKE) --no-print-directory --jobs 2 lint tests

tests: setup
	@$(VENV_PYTHON) -m pytest --numprocesses auto --dist worksteal

check: lint ## check the code and run the fast tests that train nothing; faster than `make test`
	@$(VENV_PYTHON) -m pytest --numprocesses auto -m "not slow and not training" tests/unit tests/property

lint: setup ## check style, types, and the imports between the parts of omni_lib
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check .
	@$(VENV_PYTHON) -m mypy
	@.venv/bin/lint-imports --no-logo

faults: setup ## kill 100 runs and try 100,000 damaged inputs (`make test`: 10 and 5,000)
	@FAULTS_RUNS=$${FAULTS_RUNS:-100} FAULTS_INPUTS=$${FAULTS_INPUTS:-100000} \
		$(VENV_PYTHON) -m pytest -s tests/faults

lab: setup ## open JupyterLab on your own copies of the notebooks
	@$(OMNI) data synth --out data/audio
	@$(OMNI) lab

notebooks: setup ## run the notebooks and store their outputs, after you have changed them
	@$(OMNI) data synth --out data/audio
	@$(VENV_PYTHON) -m omni_lib.course.notebooks

book: EXTRA := book
book: setup ## build the course as web pages from the stored outputs, to read it without running it
	@$(VENV_PYTHON) -m omni_lib.course.book

doctor: setup ## check this machine: what is missing or does not match, and the remedy
	@$(OMNI) doctor

setup: ## create .venv and install the project into it, if that has not been done yet
	@eval "$$SETUP"

clean: ## remove .venv (trainings, corpora and your notebooks stay)
	rm -rf .venv

help: ## print this list
	@sed -n 's/^\([a-z][a-z]*\):.*## /  make \1	/p' Makefile

# The set-up, in POSIX sh. `.venv/ready` records what was installed, and in which folder; while that is still
# true, there is nothing to do. A target that needs another extra than `dev` names it in EXTRA, and its record
# is `.venv/ready-EXTRA`. The link `.venv-installing` names the process that is installing, so that two
# processes never change one venv at the same time. An interrupted installation leaves the link behind. It is
# then repeated from an empty venv, because pip cannot tell a half-installed package from a complete one.
define SETUP
set -eu

refuse() { echo "$$*" >&2; exit 2; }

fits() { "$$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }

version() { "$$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }

state() { pwd -P; cat pyproject.toml constraints.txt | cksum; }

as_asked() { [ "$(origin PYTHON)" = file ] || [ "$$(version "$(PYTHON)")" = "$$(version $(VENV_PYTHON))" ]; }

record=.venv/ready$(EXTRA:%=-%)

ready() { [ -x $(VENV_PYTHON) ] && [ "$$(state)" = "$$(cat $$record 2>/dev/null)" ] && as_asked; }

if ready; then exit 0; fi

python=
for candidate in $(PYTHONS); do
    if fits "$$candidate"; then python=$$candidate; break; fi
done
if [ -z "$$python" ]; then
    found=$$(version "$(PYTHON)")
    refuse "$(PYTHON) is $${found:-not to be found}, but the project needs Python 3.11, 3.12 or 3.13:" \
        "install one and name it, as in: $(strip make $(MAKECMDGOALS)) PYTHON=python3.11"
fi
"$$python" -c 'import ensurepip, venv' 2>/dev/null || \
    refuse "$$python cannot make virtual environments; on Debian and Ubuntu, run" \
        "sudo apt-get install $$(basename "$$python")-venv"

renew=
said=
until ln -s $$$$ .venv-installing 2>/dev/null; do
    owner=$$(readlink .venv-installing || true)
    if [ -z "$$owner" ]; then
        [ -w . ] || refuse "this folder cannot be written: copy the project to a folder that you can write to"
        sleep 1
    elif kill -0 "$$owner" 2>/dev/null; then
        [ -n "$$said" ] || echo "process $$owner is installing into .venv: waiting until it has ended"
        said=yes
        sleep 1
    else
        renew="the last installation was cut short"
        rm -f .venv-installing
    fi
done
if ready; then rm -f .venv-installing; exit 0; fi

if [ -n "$$renew" ]; then :
elif [ ! -d .venv ]; then renew="it does not exist yet"
elif ! fits $(VENV_PYTHON) || ! $(VENV_PYTHON) -m pip --version >/dev/null 2>&1; then
    renew="the present one does not work"
elif ! as_asked; then renew="$(PYTHON) was asked for"
elif [ -f .venv/ready ] && [ "$$(sed 1q .venv/ready)" != "$$(pwd -P)" ]; then
    renew="the folder was moved or copied"
fi

rm -f .venv/ready $$record
if [ -n "$$renew" ]; then
    echo "making .venv with Python $$(version "$$python"): $$renew"
    "$$python" -m venv --clear .venv
fi
echo "installing the packages of constraints.txt into .venv: the first time, this takes some minutes and 6 GB"
if ! $(VENV_PYTHON) -m pip --disable-pip-version-check \
        install -c constraints.txt -e '.[dev$(EXTRA:%=,%)]'; then
    [ -n "$$renew" ] || rm -f .venv-installing
    refuse "the installation failed, see above: fix the cause, then run make again"
fi
for file in .venv/ready $$record; do state > "$$file"; done
rm -f .venv-installing
endef
export SETUP
