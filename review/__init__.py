"""What a change would do, as a comment on its pull request: rehearsed without the cluster, or previewed on it."""
