"""Programs that are not what they look like, for the tests of the floor. What each does is what it logs."""

from __future__ import annotations

HEAD = """
from airflow import __version__
from packaging.version import Version, parse
NEW = Version(__version__) >= Version("3.0")
"""
FIRST = HEAD.count("\n")
"""The line of the head that is the last; a trap begins on the next."""

# For each trap: the lines that are listed as undecided, counted from its first line, and its code.
TRAPS: dict[str, tuple[list[int], str]] = {
    "plain": (
        [],
        """
        if NEW:
            log(1)
        else:
            log(2)
        """,
    ),
    "one line": (
        [],
        """
        if NEW: log(1)
        else: log(2)
        if not NEW: log(3)
        else: log(4)
        if not NEW: log(5)
        """,
    ),
    "two statements on a line": (
        [],
        """
        A = NEW; B = 1
        log(A, B)
        if not NEW: C = 1; log(C)
        """,
    ),
    "elif after a branch that stays": (
        [],
        """
        for x in (0, 1):
            if x:
                log(1)
            elif NEW:
                log(2)
            else:
                log(3)
        """,
    ),
    "elif after a dead branch": (
        [],
        """
        for x in (0, 1):
            if not NEW:
                log(1)
            elif x:
                log(2)
            else:
                log(3)
        """,
    ),
    "else of a dead elif": (
        [],
        """
        for x in (0, 1):
            if x:
                log(1)
            elif not NEW:
                log(2)
            else:
                log(3)
        """,
    ),
    "a list that is filled": (
        [],
        """
        found = []
        found.append(1)
        if not found:
            raise KeyError
        if NEW:
            log(found)
        """,
    ),
    "a list that a flag chooses": (
        [],
        """
        found = [] if NEW else [1]
        found.append(2)
        if found:
            log(found)
        """,
    ),
    "an alias of a list": (
        [],
        """
        def f():
            one = []
            two = one
            two.append(1)
            return 1 if one else 2
        log(f())
        """,
    ),
    "a dict that is filled": (
        [],
        """
        found = {}
        found[1] = NEW
        if found:
            log(found)
        """,
    ),
    "set again by a condition": (
        [4],
        """
        import os
        if os.environ.get('HOME'):
            NEW = not NEW
        log(1 if NEW else 2)
        """,
    ),
    "set by a function": (
        [4, 6],
        """
        def f():
            global NEW
            NEW = False
        log(1 if NEW else 2)
        f()
        log(NEW)
        """,
    ),
    "set by nonlocal": (
        [6],
        """
        def f():
            new = NEW
            def g():
                nonlocal new
                new = False
            log(1 if new else 2)
            g()
        f()
        """,
    ),
    "a closure sees the last binding": (
        [4],
        """
        def f():
            new = NEW
            def g():
                log(1 if new else 2)
            new = False
            g()
        f()
        """,
    ),
    "set by globals()": (
        [1, 2],
        """
        globals()['NEW'] = False
        log(1 if NEW else 2)
        """,
    ),
    "set by an unseen name": (
        [0, 3],
        """
        for name in ('NEW',):
            globals()[name] = False
        log(1 if NEW else 2)
        """,
    ),
    "set by exec": (
        [0, 2],
        """
        exec('NEW = False')
        log(1 if NEW else 2)
        """,
    ),
    "an augmented assignment": (
        [2],
        """
        NEW &= False
        log(1 if NEW else 2)
        """,
    ),
    "a loop": (
        [2, 3],
        """
        for _ in range(1):
            NEW = not NEW
        log(1 if NEW else 2)
        """,
    ),
    "a loop's target": (
        [2],
        """
        for NEW in (False,): pass
        log(1 if NEW else 2)
        """,
    ),
    "deleted": (
        [1],
        """
        log(1 if NEW else 2)
        del NEW
        """,
    ),
    "with": (
        [3],
        """
        import contextlib
        with contextlib.nullcontext(False) as NEW: pass
        log(1 if NEW else 2)
        """,
    ),
    "a match captures": (
        [3],
        """
        match False:
            case NEW: pass
        log(1 if NEW else 2)
        """,
    ),
    "a star captures": (
        [2],
        """
        first, *NEW = 1, 2
        log(1 if NEW else 2)
        """,
    ),
    "a comprehension has its own names": (
        [],
        """
        log([1 if NEW else 2 for NEW in (0, 1)])
        if NEW:
            log(1)
        """,
    ),
    "a lambda has its own names": (
        [],
        """
        f = lambda NEW: 1 if NEW else 2
        log(f(0))
        """,
    ),
    "a lambda of a flag": (
        [2],
        """
        f = lambda: NEW
        log(1 if f() else 2)
        """,
    ),
    "a default": (
        [],
        """
        def f(new=NEW):
            return 1 if new else 2
        log(f(), f(False))
        """,
    ),
    "a parameter named like the flag": (
        [],
        """
        def f(NEW):
            if NEW:
                return 1
            return 2
        log(f(False))
        """,
    ),
    "a decorator": (
        [5],
        """
        def deco(f):
            return lambda: False
        @deco
        def new(): return NEW
        log(1 if new() else 2)
        """,
    ),
    "a coroutine is true": (
        [2],
        """
        async def new(): return NEW
        log(1 if new else 2, 1 if new().close() else 2)
        """,
    ),
    "a generator is true": (
        [4],
        """
        def new():
            return NEW
            yield
        log(1 if new() else 2)
        """,
    ),
    "a helper": (
        [],
        """
        def new():
            v = Version(__version__)
            return v.major >= 3
        log(1 if new() else 2)
        """,
    ),
    "a helper with a parameter": (
        [],
        """
        def old(v): return v < Version('3')
        log(1 if old(Version(__version__)) else 2)
        """,
    ),
    "a helper that is not simple": (
        [4],
        """
        def old(v, limit=3):
            if v: return v.major < limit
            return None
        log(1 if old(Version(__version__)) else 2)
        """,
    ),
    "a class attribute": (
        [4],
        """
        class A:
            V3 = NEW
            def f(self):
                return 1 if self.V3 else 2
        class B(A):
            V3 = False
        log(A().f(), B().f())
        """,
    ),
    "an instance's attribute": (
        [5],
        """
        class A:
            def __init__(self, new):
                self.new = NEW and new
            def f(self):
                return 1 if self.new else 2
        log(A(True).f(), A(False).f())
        """,
    ),
    "a class body hides nothing from its methods": (
        [],
        """
        class A:
            NEW = False
            def f(self):
                return 1 if NEW else 2
        log(A().f())
        """,
    ),
    "a comprehension in a class": (
        [],
        """
        class A:
            NEW = False
            a = [1 if NEW else 2 for _ in 'x']
        log(A.a)
        """,
    ),
    "a walrus": (
        [2],
        """
        log(1 if (v := Version(__version__)) < Version('3') else 2)
        log(1 if v.major < 3 else 2)
        """,
    ),
    "unpacked": (
        [1, 2],
        """
        major, minor = __version__.split('.')[:2]
        log(1 if int(major) < 3 else 2)
        """,
    ),
    "an index": (
        [],
        """
        log(1 if __version__[0] == '2' else 2)
        log(1 if __version__.split('.')[0] == '2' else 2)
        """,
    ),
    "and, or": (
        [],
        """
        kind = NEW and 'new' or 'old'
        if kind == 'new':
            log(1)
        else:
            log(2)
        """,
    ),
    "or with something else": (
        [2],
        """
        x = [1]
        y = x or NEW
        log(y)
        if x and not NEW:
            log(2)
        log(x and NEW)
        """,
    ),
    "not, not": (
        [],
        """
        if not not NEW:
            log(1)
        else:
            log(2)
        """,
    ),
    "chained": (
        [],
        """
        if Version('2.10') <= Version(__version__) < Version('3.2'):
            log(1)
        else:
            log(2)
        """,
    ),
    "nested": (
        [],
        """
        if NEW:
            if not NEW:
                log(1)
            log(2 if NEW else 3)
        elif not NEW:
            log(4)
        """,
    ),
    "conditional expressions in one another": (
        [],
        """
        log((1 if x else 2) if NEW else 3 for x in ()) if not NEW else log(4)
        """,
    ),
    "an assertion": (
        [],
        """
        assert NEW or not NEW
        log(1)
        """,
    ),
    "a type alias": (
        [],
        """
        Kind = int if NEW else str
        log(Kind('1'))
        """,
    ),
    "a text of the version": (
        [3],
        """
        v = Version(__version__)
        log(1 if f'{v.major}.{v.minor}' == '2.11' else 2)
        log(f'on {v}')
        """,
    ),
    "many ways to compare": (
        [],
        """
        log(1 if parse(__version__).release[:2] < (3, 2) else 2)
        log(1 if Version(Version(__version__).base_version) < Version('3.0') else 2)
        log(1 if __version__.startswith('2.') else 2)
        log(1 if Version(__version__).major in (1, 2) else 2)
        log(1 if __version__ >= '2.9' else 2)
        log(1 if tuple(int(x) for x in __version__.split('.')) < (3, 1) else 2)
        """,
    ),
    "a version is no text": (
        [1],
        """
        log(1 if Version(__version__) == '3.0.0' else 2)
        """,
    ),
    "a converter is no converter": (
        [2],
        """
        int = len
        log(1 if [int(x) for x in __version__.split('.')] > [2, 0] else 2)
        """,
    ),
    "other versions": (
        [],
        """
        import sys
        import packaging
        log(1 if sys.version_info < (3, 9) else 2)
        log(packaging.__version__ > '3')
        """,
    ),
    "an early return": (
        [],
        """
        def f():
            return 1
            if NEW:
                return 2
            return 3
        log(f())
        """,
    ),
    "return in try": (
        [],
        """
        def f():
            try:
                if NEW:
                    return 1
            finally:
                log(0)
            return 2
        log(f())
        """,
    ),
    "raise in try": (
        [],
        """
        def f():
            try:
                if NEW:
                    raise KeyError
                log(1)
            except KeyError:
                pass
            return 2
        log(f())
        """,
    ),
    "half a try": (
        [7],
        """
        FLAG = NEW
        try:
            {}[0]
            FLAG = False
        except KeyError:
            pass
        if FLAG:
            log(1)
        else:
            log(2)
        """,
    ),
    "while and else": (
        [],
        """
        while not NEW:
            break
        else:
            log(1)
        log(2)
        """,
    ),
    "for and else": (
        [],
        """
        for x in ():
            break
        else:
            if NEW:
                log(1)
            else:
                log(2)
        """,
    ),
    "while true": (
        [],
        """
        def f():
            while True:
                if NEW:
                    break
                return 1
            return 2
        log(f())
        """,
    ),
    "match": (
        [],
        """
        match Version(__version__).major:
            case 2:
                log(2)
            case 3:
                log(3)
            case _:
                log(4)
        """,
    ),
    "match that nothing takes": (
        [],
        """
        match Version(__version__).major:
            case 2:
                log(2)
        log(3)
        """,
    ),
    "a flag around an import": (
        [],
        """
        try:
            import airflow.sdk
            HAS = True
        except ImportError:
            HAS = False
        log(1 if HAS else 2)
        """,
    ),
    "a flag before an import": (
        [2],
        """
        HAS = False
        log(1 if HAS else 2)
        try:
            import airflow.sdk
            HAS = True
        except ImportError:
            pass
        log(1 if HAS else 2)
        """,
    ),
    "a try in a try": (
        [],
        """
        try:
            try:
                from airflow.sdk import Newer as Name
            except ValueError:
                pass
        except ImportError:
            Name = None
        log(Name is None)
        """,
    ),
    "a name bound in a branch": (
        [],
        """
        if not NEW:
            from airflow.old import Old as Name
        else:
            from airflow.sdk import New as Name
        def f(x: Name): ...
        log(Name)
        """,
    ),
    "getattr": (
        [],
        """
        import airflow
        log(1 if getattr(airflow, '__version__', '2') < '3' else 2)
        """,
    ),
}
