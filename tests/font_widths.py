"""How wide two fonts draw a text: Helvetica, which graphviz measures by, and DejaVu Sans, one of the widest that serve.

Advance widths of the characters from blank to tilde, in thousandths of the font's size: Helvetica's from Adobe's font
metrics, DejaVu Sans' from its own table.
"""

from collections.abc import Mapping
from typing import Final

_HELVETICA: Final = """
278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 584
584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667 611 278
278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500
500 334 260 334 584
"""
_DEJAVU_SANS: Final = """
318 401 460 838 636 950 780 275 390 390 500 838 318 361 318 337 636 636 636 636 636 636 636 636 636 636 337 337 838 838
838 531 1000 684 686 698 770 632 575 775 752 295 295 656 557 863 748 787 603 787 695 635 611 732 684 989 685 611 685 390
337 390 838 500 500 613 635 550 635 615 352 635 634 278 278 579 278 974 634 612 635 635 411 521 392 634 592 818 592 592
525 636 337 636 838
"""
FONTS: Final[Mapping[str, Mapping[str, int]]] = {
    name: {chr(32 + place): int(width) for place, width in enumerate(table.split())}
    for name, table in {"Helvetica": _HELVETICA, "DejaVu Sans": _DEJAVU_SANS}.items()
}
_WIDEST: Final = 1000  # of what is in neither table


def width(text: str, font: str, size: float) -> float:
    """How wide a text is, without kerning."""
    return sum(FONTS[font].get(one, _WIDEST) for one in text) * size / 1000
