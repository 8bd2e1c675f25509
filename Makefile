# Cleave: build, run and test. 'make help' lists the targets.
GO ?= go
export CGO_ENABLED ?= 0
# No build needs git, nor minds who owns the tree.
export GOFLAGS += -buildvcs=false
# The Go that scripts/need-go fetches where there is none that fits.
export PATH := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/cleave/go1.26.8/bin:$(PATH)
unexport GOROOT

.PHONY: all kernel build/cleave run test unit guest programs soak bench bench-gate bench-accept profile gc conformance vet syscalls help clean tools testtools

all: kernel build/cleave build/root.cpio ## build the kernel, the default root and the host's tool

tools:
	@scripts/need-go

kernel: tools ## build/cleave.elf
	@boot/build.sh

build/cleave: tools
	@mkdir -p build
	@$(GO) build -o $@ ./cmd/cleave

build/root.cpio: cmd/cleave/root.go go.mod | build/cleave ## the default root: u-root's commands for linux/386
	@build/cleave root -o $@

run: all ## boot to a shell on this terminal
	@scripts/need qemu-system-x86_64:qemu-system-x86
	@./qemu.sh

testtools:
	@scripts/need qemu-system-x86_64:qemu-system-x86 gcc:gcc gdb:gdb dpkg-deb:dpkg taskset:util-linux
	@echo 'int main(void){return 0;}' | gcc -m32 -static -x c -o /dev/null - 2>/dev/null || scripts/need gcc-m32:gcc-multilib

test: vet unit guest programs soak bench-gate ## every test

vet: tools ## gofmt, go vet, staticcheck
	@f=$$(find . -name '*.go' -not -path './build/*' -exec gofmt -l {} +); [ -z "$$f" ] || { echo "gofmt: $$f"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

unit: tools testtools ## host tests with the race detector
	CGO_ENABLED=1 $(GO) test -race ./...

guest: all testtools ## C programs: on the host's Linux first, then in Cleave
	$(GO) test -tags guest -count=1 -timeout 30m -run 'Guest|Boot' ./tests/...

programs: all testtools ## real programs: Debian's i386 packages, Go's own tests, the interactive shell
	$(GO) test -tags guest -count=1 -timeout 40m -run 'Program|Shell|GoTest' ./tests/...

SECONDS ?= 60
soak: all testtools ## stress-ng, namespaces and random system calls at once in too little memory; SECONDS=3600: an hour
	SOAK_SECONDS=$(SECONDS) $(GO) test -tags guest -count=1 -timeout $$(($(SECONDS)+1200))s -v -run Soak ./tests/

bench: kernel testtools ## instructions per operation, side by side with Linux; TIME=5: medians of 5 runs in time
	@$(GO) run ./bench/compare $(if $(TIME),-time $(TIME))

bench-gate: kernel testtools ## fail if an operation is over 10 % dearer than in bench/baseline
	@$(GO) run ./bench/compare -gate

bench-accept: kernel testtools ## make today's figures bench/baseline
	@$(GO) run ./bench/compare -accept

profile: kernel testtools ## where the instructions of ROW='poll 10 fds' go
	@$(GO) run ./bench/compare -profile '$(ROW)'

hot: kernel testtools ## count the benchmark's calls into boot/hot.pgo, by which the compiler inlines (after large changes)
	@$(GO) run ./bench/compare -hot boot/hot.pgo

build/linux-tuned: ## a size-tuned Linux 6.1 from Debian's sources, which 'make bench' then compares with as well
	@bench/linux/build

gc: all testtools ## how long the garbage collector stops tasks, in a minute of stress-ng (some 10 minutes)
	COLLECTOR_SECONDS=60 $(GO) test -tags guest -count=1 -timeout 70m -v -run TestProgramCollector ./tests/

# The progress goes to standard error, the table to standard output, what the tests say to build/conformance/log.
conformance: all testtools ## everything that is compared with Linux, in one table, which goes to docs/conformance.md (half an hour; RESUME=1 goes on)
	@mkdir -p build/conformance && rm -f $(if $(RESUME),,$(addprefix build/conformance/,guest.tsv go.tsv stress.tsv))
	@$(GO) test -tags guest -c -o build/conformance/tests ./tests/
	@cd tests && ../build/conformance/tests -test.v -test.timeout 4h -test.run '^Test(Guest|GoTest|Stress)$$' -conformance >../build/conformance/log; \
		status=$$?; cd .. && $(GO) run ./internal/tools/conformance && { [ $$status = 0 ] || echo 'not all as expected: see build/conformance/log' >&2; exit $$status; }

syscalls: tools ## the table of system calls, with what is missing
	@$(GO) run ./internal/tools/syscalls

help: ## this list
	@grep -hE '^[a-z/.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z/.-]+):.*## /\1|/' | awk -F'|' '{ printf "  make %-18s %s\n", $$1, $$2 }'

clean: ## remove build/
	rm -rf build
