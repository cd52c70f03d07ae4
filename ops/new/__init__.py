"""`make new`: a stack file from six answers, each with a default that the cluster offers."""
