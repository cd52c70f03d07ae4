"""Generated configurations of cloudflared, as people write them: any style, any line break, comments everywhere."""

from hypothesis import strategies as st

HOSTS = [
    "mealie.example.com", "*.example.com", "photos.example.com", "Photos.Example.com", "*.Example.com", "bücher.de",
    "*", "a.org.", "*.com", "wiki.example.com", "deep.photos.example.com",
]  # fmt: skip
_COMMENTS = st.lists(
    st.sampled_from(["# a comment", "#", "# - hostname: no.example.com", "   # set off", ""]), max_size=2
)
_TRAILING = st.sampled_from(["", "", " # trailing", "  "])


@st.composite
def _rule(draw: st.DrawFn, number: int) -> tuple[list[str], str]:
    """The lines of a rule below its dash, and its host."""
    host = draw(st.sampled_from(HOSTS))
    path = draw(st.sampled_from(["", "", "^/api", r"\.jpg$", "share # not a comment"]))
    if host == "*" and not path:
        path = "^/all"
    quote = draw(st.sampled_from(["'", '"'])) if host.startswith("*") else draw(st.sampled_from(["", "'", '"']))
    service = f"http://service-{number}:80"
    shown = {"hostname": f"{quote}{host}{quote}", "service": service}
    if path:
        shown["path"] = f"'{path}'"
    names = draw(st.permutations(list(shown)))
    if draw(st.integers(0, 4)) == 0:
        return ["{" + ", ".join(f"{name}: {shown[name]}" for name in names) + "}"], host
    lines = [f"{name}: {shown[name]}{draw(_TRAILING)}" for name in names]
    more: list[str] = draw(
        st.sampled_from(
            [
                [],
                ["originRequest:", "  noTLSVerify: true", "  # inside", "  httpHostHeader: a.b"],
                ["originRequest:", "  ipRules:", "  - prefix: 10.0.0.0/8"],
                ["note: |", "  # no comment", "", "  - no: item"],
                ["hostHeader: >-", "  folded", "  text"],
                ["originRequest: {}"],
            ]
        )
    )
    return [*lines, *more], host


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A document that cloudflared takes, in block style, with its list of rules somewhere in it."""
    indent, gap = draw(st.sampled_from(["", "  ", "    "])), draw(st.sampled_from([" ", " ", "   "]))
    lines = draw(_COMMENTS) + draw(st.sampled_from([[], ["tunnel: 7c0de5ad"], ["x: &svc http://x:1", "tunnel: name"]]))
    lines += draw(_COMMENTS)
    lines.append("ingress:" + draw(st.sampled_from(["", " # the rules", " &rules"])))
    for number in range(draw(st.integers(0, 4))):
        below, _ = draw(_rule(number))
        lines += [f"{indent}{comment}" if comment else "" for comment in draw(_COMMENTS)]
        anchor = draw(st.sampled_from(["", "", f"&rule{number} "])) if below[0].startswith("{") else ""
        inner = f"{indent} {' ' * len(gap)}"
        lines += [f"{indent}-{gap}{anchor}{below[0]}", *(f"{inner}{line}" if line else "" for line in below[1:])]
        if draw(st.integers(0, 9)) == 0:
            lines.append(f"{indent}-")  # a null item, which cloudflared skips
    lines += [f"{indent}{comment}" if comment else "" for comment in draw(_COMMENTS)]
    lines.append(f"{indent}-{gap}service: http_status:404" + draw(_TRAILING))
    lines += draw(_COMMENTS) + draw(
        st.sampled_from([[], ["metrics: 0.0.0.0:2000"], ["originRequest:", "  noTLSVerify: true"]])
    )
    lines += draw(st.sampled_from([[], [], ["---", "broken: [", "  - : :"]]))
    text = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])).join(lines)
    return draw(st.sampled_from(["", "", "\ufeff"])) + text + draw(st.sampled_from(["", "\n", "\n\n"]))
