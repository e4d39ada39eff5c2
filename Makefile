# Backroom. `make up` brings the whole stack up on this machine; `make test` tests it.
PYTHON ?= python3
VENV := .venv/bin
# The Pythons that both Chalice and AWS Lambda know. Old ones have to be able to read this line.
CHECK := import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 14) or sys.exit("\n  Python %d.%d does not do: AWS Lambda and Chalice take 3.11 to 3.14.\n  Choose one of those, for example: make up PYTHON=python3.11\n" % v)
# TARGET=localstack: LocalStack without Docker; TARGET=compose (test only): with it. docs/localstack.md
TARGET ?= local
LAUNCHER := $(if $(filter localstack,$(TARGET)),infra/localstack/up.py,infra/local/up.py)
UP := $(PYTHON) -c '$(CHECK)' && $(PYTHON) $(LAUNCHER)
# Types and lint of the page's scripts, and the rules of the OpenAPI document, where there is an npm.
SCRIPTS := command -v npm >/dev/null || { echo "The page's scripts are not checked: there is no npm."; exit 0; }; \
  [ .scripts/done -nt infra/page/package-lock.json ] || { mkdir -p .scripts && cp infra/page/package*.json .scripts && \
  npm ci --prefix .scripts --silent --no-audit --no-fund && touch .scripts/done; } && \
  .scripts/node_modules/.bin/tsc --project infra/page && \
  .scripts/node_modules/.bin/biome lint --config-path=infra/page --error-on-warnings chalicelib/web/static infra/reference/reference.js && \
  .scripts/node_modules/.bin/spectral lint --quiet --ruleset infra/page/spectral.yaml --fail-severity warn docs/openapi.json
# Who may call a stage on AWS; docs/auth.md, docs/api.md. The shell reads the values, make never pastes them into a command.
parameter = $(if $(value $2),--parameter "$1=$$$2")
AUTH_SETTINGS = $(call parameter,Auth,AUTH) $(call parameter,AuthIssuer,AUTH_ISSUER) \
  $(call parameter,AuthAudience,AUTH_AUDIENCE) $(call parameter,AuthClientId,AUTH_CLIENT_ID) \
  $(call parameter,AuthTechnicianClaim,AUTH_TECHNICIAN_CLAIM) \
  $(call parameter,AuthScopePrefix,AUTH_SCOPE_PREFIX) \
  $(call parameter,AuthSignInOrigin,AUTH_SIGN_IN_ORIGIN) \
  $(call parameter,CorsOrigins,CORS_ORIGINS)
export PORT AWS_PORT STANDINS_PORT SMTP_PORT PYTHON313
export MONITORING EXPORTER_PORT PROMETHEUS_PORT NODE_EXPORTER_PORT

.DEFAULT_GOAL := help
.PHONY: pictures help up dev down reset status logs demo check lint test coverage fuzz soak bench audit supply deploy destroy install format generators

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

up: ## Start the embedded AWS and the stand-ins, deploy; MONITORING=1: and Prometheus; AUTH=jwt: with sign-in
	@$(UP) up

dev: install up ## The same, then deploy again whenever a source changes
	@$(VENV)/python -m infra.local.dev

down: ## Stop them; what is stored in the embedded AWS stays
	@$(UP) down

reset: ## Stop it and forget all local data
	@$(UP) reset

status: ## Say what runs
	@$(UP) status

logs: ## Follow what the functions log
	@$(VENV)/python -m infra.logs

demo: up ## Tell the whole story in two minutes
	@$(VENV)/backroom --api http://localhost:$(or $(PORT),8000) demo --standins http://127.0.0.1:$(or $(STANDINS_PORT),8001)

install:
	@$(UP) install

check: lint ## The fast gate: format, lint, types, import arrows, unit tests
	$(VENV)/pytest tests/unit tests/architecture -q

lint: install ## What can be told without running anything
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/zizmor --offline --quiet .github
	@$(SCRIPTS)

format: install ## Format and mend what can be mended by itself
	$(VENV)/ruff check --fix-only .
	$(VENV)/ruff format .

generators: # What makes a Python client of the OpenAPI document, in an environment of its own
	@[ .generators/done -nt infra/page/generator-requirements.txt ] || { $(PYTHON) -m venv .generators && \
	  .generators/bin/pip install -q --disable-pip-version-check -r infra/page/generator-requirements.txt && \
	  touch .generators/done; } || echo "openapi-python-client is not to be had here; its test says that it is left out"

test: install generators ## All tests that this machine can run; says what it left out and why; ARGS="-k word"
	@TEST_TARGET=$(TARGET) $(VENV)/python -m tests $(ARGS)

coverage: install ## Which branches all tests take, in process and in deployed functions; takes twice as long
	@$(VENV)/python -m tests --coverage $(ARGS)

fuzz: install ## Look for new counterexamples, try the long versions of tests, a million inputs; for an hour
	@[ -d .fuzz/atheris ] || $(VENV)/pip install -q --disable-pip-version-check --target .fuzz -r bench/fuzz/requirements.txt || \
	  echo "atheris is not to be had here; the parsers of bytes get their inputs by chance"
	$(VENV)/python -m bench.fuzz --inputs 1000000 --at-once 2
	HYPOTHESIS_PROFILE=fuzz $(VENV)/pytest tests/unit -m "hypothesis or grows" -q
	HYPOTHESIS_PROFILE=fuzz $(VENV)/pytest tests/integration tests/e2e -m grows -q

soak: install ## An hour of traffic while functions and the embedded AWS are killed, on a stack of its own
	$(VENV)/python -m bench.soak --minutes $(or $(MINUTES),60)

audit: install ## Check the packaged template with checkov, in an environment of its own
	@[ .audit/done -nt infra/audit-requirements.txt ] || { $(PYTHON) -m venv .audit && \
	  .audit/bin/pip install -q --disable-pip-version-check -r infra/audit-requirements.txt && touch .audit/done; }
	@$(VENV)/python -m infra.audit

supply: install ## What the functions are made of (build/sbom.json), its licences and known vulnerabilities
	@[ .supply/done -nt infra/supply-requirements.txt ] || { $(PYTHON) -m venv .supply && \
	  .supply/bin/pip install -q --disable-pip-version-check -r infra/supply-requirements.txt && touch .supply/done; }
	@$(VENV)/python -m infra.supply $(ARGS)

pictures: install ## Take the pictures in docs/images of the page that runs here; python -m tests.support.crowd fills it
	PICTURES_OF=http://localhost:$(or $(PORT),8000) $(VENV)/pytest tests/browser/test_pictures.py -q

bench: install ## Measure the goals of docs/performance.md in under ten minutes; what falls short comes first
	@$(VENV)/python -m bench.goals

deploy: install ## Deploy to AWS: make deploy STAGE=prod AUTH_ISSUER=... AUTH_AUDIENCE=... AUTH_CLIENT_ID=...
	$(VENV)/python -m infra.deploy --target aws --stage "$${STAGE:-prod}" $(if $(value ALLOW_OPEN),--allow-open) $(if $(value YES),--yes) $(AUTH_SETTINGS)

destroy: install ## Delete a stage from AWS: make destroy STAGE=try; refuses to drop data without DATA=keep or DATA=drop
	$(VENV)/python -m infra.destroy --stage "$${STAGE:?name the stage: make destroy STAGE=...}" \
	  $(if $(value DATA),--data "$$DATA") $(if $(value YES),--yes)
