"""Pages that load nothing else, from templates. Needs jinja2, which the extra ``cli`` brings."""

from __future__ import annotations

import jinja2


def templates(package: str) -> jinja2.Environment:
    """Return the templates of a package, which escape what they are given."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
