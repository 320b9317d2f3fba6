"""How long vmxlint takes, beside the floor and its peers: `python -m tests.bench PATH...`."""
