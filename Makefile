# The commands of this project. Each works from a fresh clone on Debian or Ubuntu with a Rust toolchain, git and make.

tools := $(CURDIR)/target/test-tools
python := $(tools)/python/bin
export FRAMEBRIDGE_TEST_FOOTAGE := $(tools)/footage/bigbuckbunny.mjpeg
export FRAMEBRIDGE_TEST_CLIP := $(tools)/footage/bigbuckbunny.mp4
export FRAMEBRIDGE_TEST_PYTHON := $(python)/python3
export FRAMEBRIDGE_TEST_PROMTOOL := $(tools)/promtool
scripts := .ci/run broker-config/make-credentials broker-config/self-test tests/camera-vm/init tests/demo tests/install-missing \
	tests/make-python tests/prepare $(wildcard publisher/v4l2-sys/regenerate) tests/bench/peers/build packaging/boot-a-copy \
	packaging/check-unit packaging/cross-cargo packaging/deb/postrm packaging/make-dist packaging/std-source packaging/test-on-arm \
	packaging/test-package tests/measure-card-writes tests/windows/run tests/home-assistant/prepare

# Of `make bench`.
bench_python := $(CURDIR)/target/bench/python
ROUNDS := 5
# Of `make chaos`.
SEEDS := 20
SECONDS := 45

.NOTPARALLEL:
.PHONY: help demo test screenshots test-prepare check check-files test-broker test-camera test-package test-windows test-home-assistant chaos \
	bench bench-smoke bench-prepare instructions instruction-budget release dist winget

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-14s %s\n", $$1, $$2}'

demo: release ## Ten seconds of camera, broker and files on this machine, verified
	@tests/demo

test: test-prepare check test-broker ## Everything: installs what is missing, then runs every test
	cargo test --locked --workspace
	@$(MAKE) --no-print-directory check-files

test-prepare: ## What the tests need: Mosquitto, ffmpeg, Python clients, footage (kept in target/test-tools)
	@tests/prepare

check: ## Formatting and lints
	cargo fmt --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked -p tests --test chaos --test camera --test windows -- -D warnings

test-broker: ## Runs Mosquitto with each configuration of broker-config/ and asks it what they promise
	@broker-config/self-test

test-camera: test-prepare release ## USB cameras and Linux's own driver, in a virtual machine (Debian, amd64), or one check alone: CHECK=unplugged
	python3 -B tests/camera-vm/run.py $(CHECK)

check-files: ## Docker, Compose, systemd and shell files (after test-prepare)
	cargo build --locked -p publisher -p subscriber
	$(python)/python3 tests/check-compose $(tools)/compose-schema.json target/debug/frame-publisher target/debug/frame-subscriber
	$(python)/hadolint Dockerfile
	packaging/check-unit
	$(python)/shellcheck $(scripts)

chaos: test-prepare ## Twenty storms that must cost no frame: SEEDS=20 SECONDS=45, or one again: SEED=7; also KEEP=FOLDER BARE=1 UNCONFIRMED=1 EMBEDDED=1
	cargo test --locked -p tests --test chaos -- --seconds $(SECONDS) $(if $(SEED),--first-seed $(SEED) --seeds 1,--seeds $(SEEDS)) \
		$(if $(BARE),--bare) $(if $(UNCONFIRMED),--unconfirmed) $(if $(EMBEDDED),--embedded) $(if $(KEEP),--keep $(abspath $(KEEP)))

screenshots: test-prepare ## The page's pictures in docs/images, as its tests see it in a browser
	FRAMEBRIDGE_SCREENSHOTS=$(CURDIR)/docs/images cargo test --locked -p tests --test end-to-end -- view::living view::scrubbing

bench: bench-prepare ## Side by side with other ways, into docs/PERFORMANCE.md, in 45 minutes: ROUNDS=5 BENCH='--only flat-out'
	$(bench_python)/bin/python3 tests/bench/bench.py --rounds $(ROUNDS) $(BENCH)

bench-smoke: bench-prepare ## Every run of the benchmark once, with a few frames: does it still work?
	cd tests/bench && $(bench_python)/bin/python3 -m unittest --quiet
	$(bench_python)/bin/python3 tests/bench/bench.py --smoke

instructions: test-prepare release ## Instructions a frame, held to the budget
	@tests/install-missing valgrind=valgrind taskset=util-linux
	python3 tests/bench/count_instructions.py

instruction-budget: test-prepare release ## Sets the budget to what a frame costs now, and the table of docs/PERFORMANCE.md
	@tests/install-missing valgrind=valgrind taskset=util-linux
	python3 tests/bench/count_instructions.py --update --json docs/performance/instructions.json

bench-prepare: test-prepare release
	@tests/install-missing sshd=openssh-server ssh=openssh-client
	@test -e /usr/include/mosquitto.h || tests/install-missing no-mosquitto.h=libmosquitto-dev
	@cmp --silent tests/bench/requirements.txt $(bench_python)/made-from || tests/make-python $(bench_python) tests/bench/requirements.txt

dist: ## Packages for PC, Pi and Windows, into dist/: x86_64, arm64, armv7, and the subscriber for Windows
	@packaging/make-dist

winget: ## The manifest for Windows' package manager, of the zip in dist/: URL=https://WHERE/IT/IS.zip
	@packaging/winget-manifest $(URL)

test-windows: test-prepare ## The Windows subscriber under Wine, against a real Mosquitto
	@tests/windows/run

test-home-assistant: release ## A camera as Home Assistant itself sees it, in a Debian of its own (as root; three minutes from nothing)
	@tests/home-assistant/prepare $(tools)/home-assistant
	python3 -B tests/home-assistant/run.py $(tools)/home-assistant

test-package: dist test-prepare ## Installs, starts, hangs and removes the package on a copy of this machine (as root); runs the ARM ones under qemu; checks the winget manifest
	packaging/test-on-arm dist/*_arm64.deb dist/*_armhf.deb
	packaging/test-package dist/*_amd64.deb
	$(python)/python3 packaging/check-winget

release:
	@tests/install-missing cc=gcc
	cargo build --locked --release -p publisher -p subscriber
