"""Component resources: each turns its part of the settings into Kubernetes objects. `photo_stack` is the whole.

The functions beside a component build its manifests from plain values, so that preflight can ask the cluster about them
before anything is registered.
"""
