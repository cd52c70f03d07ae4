"""Text for a container: the kubelet replaces `$(NAME)` in its command, arguments and variables, and `$$` by `$`.

Source: Kubernetes' documentation, "Define Dependent Environment Variables".
"""


def literal(text: str) -> str:
    """Write a text so that a container gets it as it is."""
    return text.replace("$", "$$")
