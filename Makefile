# mote: `make` builds, `make run` shows it at work, `make test` tests it. Each sets up what it needs.
BUILD  ?= build
PREFIX ?= /usr/local
PYTHON ?= python3
VENV   := $(BUILD)/venv
CMAKE_FLAGS ?=

.PHONY: all program run run-genes test test-exhaustive bench fuzz sanitize format check-format python install clean

all: $(BUILD)/.configured
	cmake --build $(BUILD) -j

$(BUILD)/.configured: VERSION CMakePresets.json CMakeLists.txt tests/CMakeLists.txt cmake/install.cmake
	tools/setup.sh build
	cmake --preset release -B $(BUILD) $(CMAKE_FLAGS)
	@touch $@

# Without the tests.
program: $(BUILD)/.configured
	cmake --build $(BUILD) -j --target mote

# Tasks of six sciences trained and run in narrow number formats, and the page on them.
STUDY = $(BUILD)/run/study
run: program
	$(BUILD)/mote info
	@echo
	rm -rf $(STUDY)
	$(BUILD)/mote study --quick -o $(STUDY)

# A language model of simulated genes, whose entropy rate is known, trained with the same recipe in three policies; what
# folding takes in memory.
GENES = $(BUILD)/run/genes
run-genes: program
	rm -rf $(GENES) && mkdir -p $(GENES)
	$(BUILD)/mote train --policy fp32 -o $(GENES)/fp32
	@echo
	$(BUILD)/mote train --policy mxfp6 -o $(GENES)/mxfp6
	@echo
	$(BUILD)/mote train --policy mxfp4-w_mxfp6-ag -o $(GENES)/mxfp4-w_mxfp6-ag
	@echo
	$(BUILD)/mote plan evoformer
	@echo
	$(BUILD)/mote report $(GENES)/fp32 $(GENES)/mxfp6 $(GENES)/mxfp4-w_mxfp6-ag -o $(BUILD)/run/report.html

$(VENV)/.ready: tests/python/requirements.txt
	tools/setup.sh test
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement $<
	@touch $@

test: all $(VENV)/.ready
	ctest --test-dir $(BUILD) --output-on-failure --parallel 2
	MOTE_BUILD=$(abspath $(BUILD)) MOTE_LIBRARY=$(abspath $(BUILD))/libmote.so PYTHONPATH=python \
		$(VENV)/bin/python -m pytest

test-exhaustive: all
	$(BUILD)/tests/exhaustive --all
	$(BUILD)/tests/fault --all

# With the FP32 libraries that products are measured against.
bench:
	tools/setup.sh bench
	$(MAKE) all
	$(BUILD)/mote bench quantize
	$(BUILD)/mote bench matmul

# The C tests under address and undefined-behaviour sanitizers, and the fuzz targets for FUZZ_SECONDS each.
FUZZ_SECONDS ?= 20
sanitize:
	tools/setup.sh ci
	cmake --preset sanitize -B $(BUILD)-sanitize
	cmake --build $(BUILD)-sanitize -j
	ctest --test-dir $(BUILD)-sanitize --output-on-failure --parallel 2

fuzz:
	tools/setup.sh ci
	cmake --preset fuzz -B $(BUILD)-fuzz
	cmake --build $(BUILD)-fuzz -j --target fuzz_targets
	tools/fuzz.sh $(BUILD)-fuzz $(FUZZ_SECONDS)

SOURCES = $(shell git ls-files '*.c' '*.h')
format:
	clang-format -i $(SOURCES)

check-format:
	clang-format --dry-run -Werror $(SOURCES)

python:
	tools/setup.sh build
	$(PYTHON) -m pip install .

install: all
	cmake --install $(BUILD) --prefix $(PREFIX) --component library
	cmake --install $(BUILD) --prefix $(PREFIX) --component program

clean:
	rm -rf $(BUILD) $(BUILD)-sanitize $(BUILD)-fuzz
