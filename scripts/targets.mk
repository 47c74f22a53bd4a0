# The verbs: what a person types after `make`.

.PHONY: help unit check bootstrap demo bench fuzz fmt lint install uninstall dist clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile scripts/*.mk | sed 's/:.*## /\t/' | expand -t 16

unit: $(UNIT_BIN) ## build and run the unit tests
	@status=0; for t in $(UNIT_BIN); do echo "# $$t"; $$t || status=1; done; exit $$status

bootstrap: ## install what is missing (apt or brew)
	scripts/bootstrap

clean: ## remove build/
	rm -rf build
