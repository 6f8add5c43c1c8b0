"""Code before and after a raise of the floor to 3.0, for the tests: one row for each rule."""

from __future__ import annotations

RAISES: dict[str, tuple[str, str]] = {
    "a condition that is true": (
        """
        if NEW:
            # why
            log(1)

            log(2)
            # at the end
        # below
        log(3)
        """,
        """
        # why
        log(1)

        log(2)
        # at the end
        # below
        log(3)
        """,
    ),
    "an else that stays": (
        """
        log(0)

        if not NEW:
            log(1)
            # still old

        # about the new way
        else:  # now
            log(2)

        log(3)
        """,
        """
        log(0)

        # about the new way
        log(2)

        log(3)
        """,
    ),
    "comments of a dead branch": (
        """
        if NEW:
            log(1)
        # the old way
        else:
            # old
            log(2)
            # older
        log(3)
        """,
        """
        log(1)
        log(3)
        """,
    ),
    "elif becomes if": (
        """
        for x in (0, 1):
            if not NEW:
                log(1)
            # a number
            elif x:  # not 0
                log(2)
            else:
                log(3)
        """,
        """
        for x in (0, 1):
            # a number
            if x:  # not 0
                log(2)
            else:
                log(3)
        """,
    ),
    "elif becomes else": (
        """
        for x in (0, 1):
            if x:
                log(1)
            elif NEW:  # always
                log(2)
            else:
                log(3)
        """,
        """
        for x in (0, 1):
            if x:
                log(1)
            else:  # always
                log(2)
        """,
    ),
    "an if in an else": (
        """
        for x in (0, 1):
            if not NEW:
                log(1)
            else:
                if x:
                    log(2)
                else:
                    log(3)
        """,
        """
        for x in (0, 1):
            if x:
                log(2)
            else:
                log(3)
        """,
    ),
    "a header on several lines": (
        """
        if (
            # why
            NEW
        ):  # new
            log(1)
        else:
            log(2)
        """,
        """
        log(1)
        """,
    ),
    "a string on several lines": (
        '''
        if NEW:
            text = """a
                b
            c"""
            more = f"""{text}
                d"""
            log(text, more,
                "e")
            log("f\\
              g")
        ''',
        '''
        text = """a
                b
            c"""
        more = f"""{text}
                d"""
        log(text, more,
            "e")
        log("f\\
              g")
        ''',
    ),
    "a line that goes on": (
        """
        if NEW:
            x = 1 + \\
                2
            log(x)
        """,
        """
        x = 1 + \\
            2
        log(x)
        """,
    ),
    "blocks in one another": (
        """
        if NEW:
            if NEW:
                for x in (0, 1):
                    if NEW:
                        log(x)
                    # about x
        """,
        """
        for x in (0, 1):
            log(x)
            # about x
        """,
    ),
    "blocks on one line": (
        """
        if NEW: log(1); log(2)
        else: log(3)
        if not NEW: log(4)
        else: log(5)
        if not NEW: log(6)
        """,
        """
        log(1); log(2)
        log(5)
        """,
    ),
    "a flag beside something else": (
        """
        A = NEW; B = 1
        C = 2; D = NEW
        log(1 if A else 2, B, C, 1 if D else 2)
        """,
        """
        B = 1
        C = 2
        log(1, B, C, 1)
        """,
    ),
    "and, or, not": (
        """
        def f(x, y):
            if x and NEW:
                log(1)
            if NEW and x and y:
                log(2)
            if (x) and (NEW) and (y):
                log(3)
            if not (x and NEW):
                log(4)
            while not NEW or x:
                x = False
            return x and y if NEW or y else y
        log(f(1, 2))
        """,
        """
        def f(x, y):
            if x:
                log(1)
            if x and y:
                log(2)
            if (x) and (y):
                log(3)
            if not x:
                log(4)
            while x:
                x = False
            return x and y
        log(f(1, 2))
        """,
    ),
    "conditions on several lines": (
        """
        def f(x, y):
            if (
                x  # first
                and NEW  # since 3.0
                and y
            ):
                log(1)
            if (
                NEW
                and x
            ):
                log(2)
            return [z for z in (x, y) if NEW] + [z for z in (x, y) if z if NEW]
        log(f(1, 2))
        """,
        """
        def f(x, y):
            if (
                x  # first
                and y
            ):
                log(1)
            if x:
                log(2)
            return [z for z in (x, y)] + [z for z in (x, y) if z]
        log(f(1, 2))
        """,
    ),
    "a value of and, or": (
        """
        def f(x):
            a = x and NEW
            b = NEW and x
            c = x or not NEW
            log(a, b, c)
        f([])
        """,
        """
        def f(x):
            a = x and True
            b = x
            c = x or False
            log(a, b, c)
        f([])
        """,
    ),
    "conditional expressions": (
        """
        def f(x):
            a = x if NEW else None
            b = (None if not NEW else x) + 1
            c = (
                x + 1
                if NEW
                else None
            )
            d = (
                "a long text that does not fit with the rest of the line that it stands on, so it stays"
                if NEW
                else x
            )
            return (a, b, c, d, 1 if NEW and x else 2)
        log(f(1))
        """,
        """
        def f(x):
            a = x
            b = x + 1
            c = x + 1
            d = (
                "a long text that does not fit with the rest of the line that it stands on, so it stays"
            )
            return (a, b, c, d, 1 if x else 2)
        log(f(1))
        """,
    ),
    "an assertion": (
        """
        def f(x):
            assert NEW, "too old"
            assert x and NEW, "no x"
        f(1)
        """,
        """
        def f(x):
            assert x, "no x"
        f(1)
        """,
    ),
    "what is emptied": (
        """
        def f():
            if not NEW:
                log(1)
        def g():
            "Says nothing."

            if not NEW:
                log(2)
        class A:
            if not NEW:
                a = 1
        for x in (1,):
            if not NEW:
                log(x)
        def h(x):
            if x:
                if not NEW:
                    log(3)
            elif f():
                if not NEW:
                    log(4)
        f(), g(), h(1)
        """,
        """
        def f():
            pass
        def g():
            "Says nothing."
        class A:
            pass
        for x in (1,):
            pass
        def h(x):
            if x:
                pass
            elif f():
                pass
        f(), g(), h(1)
        """,
    ),
    "no blank line at the start of a block": (
        """
        def f():
            if not NEW:
                return 1

            return 2


        if not NEW:

            def g():
                return 3


        log(f())
        """,
        """
        def f():
            return 2


        log(f())
        """,
    ),
    "an early exit": (
        """
        def f(x):
            log(0)

            if NEW:
                return x

            # the old way
            log(1)
            return 2
        log(f(1))
        """,
        """
        def f(x):
            log(0)

            return x
        log(f(1))
        """,
    ),
    "an import that works": (
        """
        import os

        try:
            # new
            from airflow.sdk import New as Name
        except ImportError:  # Airflow 2
            Name = None
        else:
            log(os.name)

        log(Name)
        """,
        """
        import os

        # new
        from airflow.sdk import New as Name
        log(os.name)

        log(Name)
        """,
    ),
    "an import that fails": (
        """
        try:
            from airflow.old import Old
        except ImportError:
            # gone
            Old = None

        log(Old)
        """,
        """
        # gone
        Old = None

        log(Old)
        """,
    ),
    "nothing to suppress": (
        """
        from contextlib import suppress
        with suppress(ImportError):  # Airflow 2
            from airflow.sdk import New
        log(New)
        """,
        """
        from airflow.sdk import New
        log(New)
        """,
    ),
    "a match": (
        """
        match Version(__version__).major:
            case 2:
                log(2)
            # what is left
            case _:
                log(3)
        """,
        """
        # what is left
        log(3)
        """,
    ),
    "elements": (
        """
        __all__ = [
            "f",
            # only for Airflow 2
            "NEW",
        ]
        def f(x):
            return [x, 1 if NEW else 2]
        log(f(0))
        """,
        """
        __all__ = [
            "f",
        ]
        def f(x):
            return [x, 1]
        log(f(0))
        """,
    ),
    "what only dead code used": (
        """
        import os
        from os import (
            # paths
            path,
            sep,
        )
        def _old():
            return path
        def f():
            old = os.name
            kept = os.getcwd()
            try:
                log(sep)
            except (OSError) as error:
                if not NEW:
                    log(error, old)
            if not NEW:
                log(kept, _old())
        f()
        """,
        """
        import os
        from os import (
            sep,
        )
        def f():
            os.getcwd()
            try:
                log(sep)
            except (OSError):
                pass
        f()
        """,
    ),
    "async code": (
        """
        import asyncio
        async def f():
            if NEW:
                async with asyncio.Lock() as lock:
                    return lock is None
            await asyncio.sleep(1)
        log(asyncio.run(f()))
        """,
        """
        import asyncio
        async def f():
            async with asyncio.Lock() as lock:
                return lock is None
        log(asyncio.run(f()))
        """,
    ),
    "imports for types": (
        """
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            from pathlib import Path

        if not NEW:
            def f(x: Path): ...
        log(1)
        """,
        """
        log(1)
        """,
    ),
    "marks of a module": (
        """
        import pytest
        pytestmark = pytest.mark.skipif(not NEW, reason="new")
        class TestIt:
            pytestmark = [pytest.mark.usefixtures("a"), pytest.mark.skipif(not NEW, reason="new")]
            def test_it(self): ...
        """,
        """
        import pytest
        class TestIt:
            pytestmark = [pytest.mark.usefixtures("a")]
            def test_it(self): ...
        """,
    ),
    "nothing is left to suppress": (
        """
        from contextlib import suppress
        def f(x):
            with suppress(AttributeError, KeyError):
                if not NEW:
                    log(x)
            return x
        log(f(1))
        """,
        """
        def f(x):
            return x
        log(f(1))
        """,
    ),
    "parentheses around one operand": (
        """
        def f(x):
            a = not (x and NEW)
            b = [1 if (not NEW or x) else 2, (x if NEW else 3)]
            return a, b, str (x if NEW else 1)
        log(f(1), f(0))
        """,
        """
        def f(x):
            a = not x
            b = [1 if x else 2, x]
            return a, b, str (x)
        log(f(1), f(0))
        """,
    ),
    "a docstring moves, another text does not": (
        """
        import inspect
        if NEW:
            class A:
                '''One.

                Two.
                '''
                text = '''
                three
                '''
        log(inspect.getdoc(A), A.text)
        """,
        """
        import inspect
        class A:
            '''One.

            Two.
            '''
            text = '''
                three
                '''
        log(inspect.getdoc(A), A.text)
        """,
    ),
    "a value that the next statement replaces": (
        """
        sep = None
        if NEW:
            from os import sep
        def f():
            path = "old"
            if NEW:
                path = "new"
            kept = 1
            kept = 2
            try:
                seen = 1
                if NEW:
                    seen = 1 // 0
            except ZeroDivisionError:
                log(seen)
            return path, kept, sep
        log(f())
        """,
        """
        from os import sep
        def f():
            path = "new"
            kept = 1
            kept = 2
            try:
                seen = 1
                seen = 1 // 0
            except ZeroDivisionError:
                log(seen)
            return path, kept, sep
        log(f())
        """,
    ),
    "a return at the end": (
        """
        def f():
            if NEW:
                yield 1
                return
            yield 2
        def g(x):
            if NEW:
                log(x)
            return
        log(list(f()), g(1))
        """,
        """
        def f():
            yield 1
        def g(x):
            log(x)
            return
        log(list(f()), g(1))
        """,
    ),
    "a variable that a linter is told about": (
        """
        def f():
            a = len("a")  # noqa: F841
            if not NEW:
                log(a)
        f()
        """,
        """
        def f():
            a = len("a")  # noqa: F841
        f()
        """,
    ),
    "an import that fails, for dead code": (
        """
        try:
            from airflow.nowhere import Thing
        except ImportError:
            Thing = None
        def f(x):
            if not NEW:
                return Thing(x)
            return x
        log(f(1))
        """,
        """
        def f(x):
            return x
        log(f(1))
        """,
    ),
    "dead code that has to stay": (
        """
        def is_new():
            return None
        # about the old way
        if not NEW:
            old = 1
            def f():
                return 1 if NEW else 2
        def g():
            return old
        log(is_new(), 1 if NEW else 2)
        """,
        """
        def is_new():
            return None
        # about the old way
        if not NEW:
            old = 1
            def f():
                return 1 if NEW else 2
        def g():
            return old
        log(is_new(), 1)
        """,
    ),
    "re-exports that nothing uses": (
        """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            try:
                from airflow.sdk import New
            except ImportError:
                New = None
        else:
            if NEW:
                from os import pardir
            else:
                pardir = None
        log(1)
        """,
        """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            pass
        else:
            from os import pardir as pardir
        log(1)
        """,
    ),
    "another binding of an import": (
        """
        import sys
        if sys.platform == "darwin":
            getcwd = lambda: log(0)
        else:
            from os import getcwd
        def f(x):
            if not NEW:
                log(getcwd())
            return x
        log(f(1))
        """,
        """
        def f(x):
            return x
        log(f(1))
        """,
    ),
    "names that a list of exports takes from a call": (
        """
        if NEW:
            from os import getcwd
        else:
            getcwd = None
        __all__ = sorted(["getcwd"])
        log(__all__)
        """,
        """
        from os import getcwd as getcwd
        __all__ = sorted(["getcwd"])
        log(__all__)
        """,
    ),
    "what nothing used before, and whose rights it is": (
        """
        # Copyright 2013, Nobody
        from os import sep
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            try:
                from os import curdir
            except Exception:
                curdir = None
        def f(x):
            if not NEW:
                return sep
            return x
        log(f(1))
        """,
        """
        # Copyright 2013, Nobody
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            try:
                from os import curdir
            except Exception:
                curdir = None
        def f(x):
            return x
        log(f(1))
        """,
    ),
    "an import that a function hides": (
        """
        if NEW:
            from os import sep
        else:
            sep = None
        def f(x):
            if NEW:
                from os import sep
                return sep
            return x
        log(f(1))
        """,
        """
        def f(x):
            from os import sep
            return sep
        log(f(1))
        """,
    ),
}
"""Each is put below the usual head, which goes too once nothing uses the flag."""
