"""Requests through a real ingress controller: `make test-routes`."""
