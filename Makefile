# Thin over cargo: each target is what a person would type.

PREFIX = /usr
DESTDIR =
CARGO = cargo

triple := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
release := target/$(triple)/release
debug := target/$(triple)/debug
programs := ce-backup ce-check

.PHONY: build demo test check fmt lint bench drills fuzz man completions generate install clean help cc

help:                ## name the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

# What C there is: zstd, blake3, ring and libssh2, the last of them with OpenSSL's libssl.a and libcrypto.a.
compilers := gcc libc6-dev libssl-dev pkg-config

cc:
	@{ command -v cc && pkg-config --exists openssl; } >/dev/null 2>&1 \
	    || { [ "$$(id -u)" = 0 ] || { echo "make: cc or OpenSSL is missing: apt-get install $(compilers)" >&2; exit 3; }; \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends $(compilers) >/dev/null; }

build: cc            ## build the programs
	$(CARGO) build --release --locked $(addprefix -p ,$(programs))

demo: build          ## check this machine with a sample file, as text and as a plugin's line
	@packaging/examples/demo $(release)

test: cc             ## install what the tests need, run them all
	tests/setup
	$(CARGO) build --locked --workspace
	$(CARGO) test --locked --workspace

check: cc fmt lint   ## formatting, lints, drift of generated files
	$(CARGO) run --quiet --locked -p ce-tests --bin generate target/generated
	@diff -r target/generated/man man && diff -r target/generated/completions completions \
	    && for tool in $(programs); do diff target/generated/tools/$$tool/$$tool.schema.json tools/$$tool/$$tool.schema.json || exit; done \
	    && diff target/generated/packaging/nagios/ce.cfg packaging/nagios/ce.cfg \
	    || { echo "make: generated files differ from what is committed: run make generate" >&2; exit 1; }

fmt:                 ## check the formatting
	$(CARGO) fmt --all --check

lint: cc             ## clippy, warnings are errors
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

generate: cc         ## write man pages, completions, schema and Nagios commands
	$(CARGO) run --quiet --locked -p ce-tests --bin generate .

man completions: generate

bench: build         ## speed and memory beside the peers, in one run
	tests/setup
	tests/bench/run $(release)
	tests/bench/backup $(release)

drills: build        ## what takes long: ten thousand checks at once, fuzzing by the million, a backup killed at every call
	tests/setup
	tests/bench/many $(release)
	PROPTEST_CASES=200000 $(CARGO) test --release --locked --workspace --lib
	$(CARGO) build --locked --workspace
	CE_DRILL=1 $(CARGO) test --locked -p ce-tests --test backup

fuzz: cc             ## every parser of others' bytes on random input
	PROPTEST_CASES=1000000 $(CARGO) test --release --locked --workspace --lib

install: build       ## into $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/ce/schema \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d $(DESTDIR)$(PREFIX)/share/doc/ce/examples \
	    $(DESTDIR)$(PREFIX)/share/munin/plugins $(DESTDIR)/etc/nagios-plugins/config
	install -m 755 $(addprefix $(release)/,$(programs)) $(DESTDIR)$(PREFIX)/bin
	install -m 644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 completions/bash/* $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 644 completions/zsh/* $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions
	install -m 644 completions/fish/* $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 644 lib/record/record.schema.json tools/*/*.schema.json $(DESTDIR)$(PREFIX)/share/ce/schema
	install -m 644 packaging/examples/*.toml $(DESTDIR)$(PREFIX)/share/doc/ce/examples
	install -m 755 packaging/munin/ce_ $(DESTDIR)$(PREFIX)/share/munin/plugins
	install -m 644 packaging/nagios/ce.cfg $(DESTDIR)/etc/nagios-plugins/config

clean:               ## forget what was built
	$(CARGO) clean
