# Thin names over scripts/, each of which runs alone and says what it needs.

.PHONY: help run build npm test check fuzz bench bench-quick clean

help:         ## list the targets
	@sed -n 's/^\([a-z-]*\): *## */\1\t/p' Makefile | expand -t 14

run:          ## build everything and serve the chat page on http://127.0.0.1:8000
	@scripts/run

build:        ## build the release binary with the chat page
	@scripts/build

npm:          ## build the npm package into pkg/dist
	@scripts/npm

test:         ## set up what is missing and run every test
	@scripts/test

check:        ## formatting, lints on both targets, docs, structure rules
	@scripts/check

fuzz:         ## fuzz what strangers' bytes reach, a minute each target
	@scripts/fuzz

bench:        ## run the benchmarks and write BENCHMARKS.md
	@scripts/bench

bench-quick:  ## measure the fan-out beside its peers for a few minutes, and print
	@scripts/bench --quick

clean:        ## remove everything that was built or installed into the project
	rm -rf target fuzz/target pkg/dist js/node_modules js/test/bench/node_modules
