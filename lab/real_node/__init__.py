"""A real node: kubelet, containerd, runc and CNI in namespaces of this machine, in place of the simulated one.

Nothing of it is on the network, and nothing is installed: programs and images are built into the cache.
"""
