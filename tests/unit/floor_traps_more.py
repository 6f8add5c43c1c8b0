"""More programs that are not what they look like: versions in other shapes, pre-releases, generators."""

from __future__ import annotations

# As in floor_traps.py: the lines that are listed, and the code.
MORE_TRAPS: dict[str, tuple[list[int], str]] = {
    "a version as a default": (
        [1],
        """
        def f(version=__version__):
            if Version(version) < Version('3'):
                return 1
            return 2
        log(f(), f('2.0'))
        """,
    ),
    "a version as an argument": (
        [5],
        """
        def f(version):
            if Version(version).major < 3:
                return 1
            return 2
        log(f(__version__), f('1.0'), f('4.0'))
        """,
    ),
    "a keyword-only default": (
        [],
        """
        def f(*, new=NEW):
            return 1 if new else 2
        log(f(), f(new=False))
        """,
    ),
    "a starred part of a version": (
        [1, 2],
        """
        major, *rest = map(int, __version__.split('.')[:2])
        if major < 3: log(1)
        else: log(2)
        """,
    ),
    "a nested part of a version": (
        [1, 2],
        """
        (major, minor), x = tuple(Version(__version__).release[:2]), 3
        if (major, minor) >= (3, 1): log(1)
        else: log(2)
        """,
    ),
    "a walrus in a condition": (
        [2, 5],
        """
        if (v := Version(__version__)) >= Version('3.0'):
            log(v.major >= 3)
        else:
            log(0)
        if v.major < 3: log('x')
        """,
    ),
    "a walrus in an operand": (
        [],
        """
        if NEW and (old := not NEW): log(1)
        else: log(2)
        """,
    ),
    "a walrus in a comprehension": (
        [1, 2],
        """
        r = [y for x in (1,2) if (y := NEW)]
        if y: log(1)
        else: log(2)
        """,
    ),
    "a patched class attribute": (
        [9],
        """
        class C:
            NEW = NEW
            OLD = not NEW
            if NEW:
                def f(self): return 1
            else:
                def f(self): return 2
        C.OLD = True
        log(C().f(), 1 if C.OLD else 2, 1 if C.NEW else 2)
        """,
    ),
    "a member of an enum": (
        [5, 6],
        """
        import enum
        class E(enum.Enum):
            NEW = NEW
            TWO = 2
        log(1 if E.NEW else 2, E.NEW.value)
        if E.NEW: log(3)
        else: log(4)
        """,
    ),
    "negated by an inner function": (
        [7],
        """
        def outer():
            flag = NEW
            def inner():
                nonlocal flag
                flag = not flag
            inner()
            if flag: return 1
            return 2
        log(outer())
        """,
    ),
    "comprehensions with the name of the flag": (
        [],
        """
        log([NEW for NEW in range(2)], {NEW: 1 for NEW in 'ab'})
        log([(1 if NEW else 2) for x in (1,) for NEW in (0, 1)])
        """,
    ),
    "a generator expression is late": (
        [1, 4],
        """
        g = (NEW for _ in range(1))
        NEW = False
        log(list(g))
        if NEW: log(1)
        else: log(2)
        """,
    ),
    "finally returns": (
        [],
        """
        def f():
            try:
                if NEW: return 1
            finally:
                return 3
            return 2
        log(f())
        """,
    ),
    "a handler sets a flag": (
        [8],
        """
        def f():
            flag = NEW
            try:
                raise KeyError
            except KeyError:
                flag = False
            finally:
                log(1 if flag else 2)
        f()
        """,
    ),
    "an error skips a binding": (
        [6],
        """
        import contextlib
        flag = NEW
        with contextlib.suppress(KeyError):
            {}[1]
            flag = False
        log(1 if flag else 2)
        """,
    ),
    "deleted and bound again": (
        [4],
        """
        flag = NEW
        del flag
        flag = False
        log(1 if flag else 2)
        """,
    ),
    "imported by a function": (
        [3],
        """
        import importlib
        try:
            m = importlib.import_module('airflow.sdk')
        except ImportError:
            m = importlib.import_module('airflow.old')
        log(m.__name__)
        """,
    ),
    "other names for packaging": (
        [],
        """
        from packaging import version as pv
        from packaging.version import parse as p
        if pv.parse(__version__) >= pv.parse('3.0'): log(1)
        else: log(2)
        if p(__version__) >= p('3.0'): log(1)
        else: log(2)
        """,
    ),
    "the base version": (
        [],
        """
        if Version(Version(__version__).base_version) >= Version('3.0.0'): log(1)
        else: log(2)
        if Version(__version__).base_version >= '3.0.0': log(1)
        else: log(2)
        """,
    ),
    "tests for a pre-release": (
        [],
        """
        if Version(__version__) >= Version('3.0.0rc1') and Version(__version__) < Version('3.0.0'): log('pre')
        else: log(2)
        if __version__ == '3.0.0rc1': log('rc')
        if 'rc' in __version__: log('has rc')
        if __version__.startswith('3.0.0rc'): log('starts rc')
        if __version__.endswith('rc1'): log('ends rc')
        if __version__ in ('2.9.0', '3.0.0rc1'): log('in')
        """,
    ),
    "a pre-release by its base": (
        [],
        """
        base = Version(Version(__version__).base_version)
        if base >= Version('3.1.0') and Version(__version__) < Version('3.1.0'):
            log('pre')
        else: log(2)
        """,
    ),
    "asked whether it is a pre-release": (
        [1, 3],
        """
        if Version(__version__).is_prerelease: log(1)
        else: log(2)
        if Version(__version__).is_devrelease and NEW: log(1)
        """,
    ),
    "a local version": (
        [1, 3],
        """
        if '+' in __version__: log(1)
        else: log(2)
        if Version(__version__).local: log(3)
        if Version(__version__) == Version('3.2.0'): log(4)
        if __version__ == '3.2.0': log(5)
        if Version(__version__).public == '3.2.0': log(6)
        if Version(__version__) > Version('3.2.0'): log(7)
        if Version(__version__) <= Version('3.2.0'): log(8)
        """,
    ),
    "a part of the release": (
        [7],
        """
        if Version(__version__).release[:2] >= (3, 0): log(1)
        else: log(2)
        if Version(__version__).release[0] == 2: log(1)
        else: log(2)
        if Version(__version__).release < (3,): log(1)
        if Version(__version__).release <= (3, 0): log(5)
        if Version(__version__).release == (3, 0): log(6)
        if Version(__version__).release > (3, 0): log(7)
        """,
    ),
    "texts compare by characters": (
        [],
        """
        if __version__ < '3.0.10': log(1)
        else: log(2)
        if __version__ >= '3': log(1)
        else: log(2)
        if __version__ < '2.9': log('lex')
        else: log('no')
        if __version__ > '2.2.0': log(3)
        else: log(4)
        """,
    ),
    "chained with a range": (
        [],
        """
        if Version('2.10') <= Version(__version__) < Version('3.1'): log(1)
        else: log(2)
        if (2, 10) <= Version(__version__).release < (3, 1) != (3,): log(1)
        """,
    ),
    "one of several": (
        [3, 5],
        """
        if Version(__version__).major in (1, 2): log(1)
        else: log(2)
        if Version(__version__).major not in {2}: log(1)
        if __version__.split('.')[0] in ['2']: log(1)
        if '3' in __version__: log(9)
        if __version__[0] in '2': log(3)
        """,
    ),
    "a loop sets a flag": (
        [3],
        """
        flag = False
        for v in ('2.11', '3.0'):
            if Version(__version__) >= Version(v):
                flag = True
        if flag: log(1)
        else: log(2)
        """,
    ),
    "a cached helper with a default": (
        [4, 5],
        """
        import functools
        @functools.cache
        def at_least(major, minor=0):
            return Version(__version__).release >= (major, minor)
        if at_least(3): log(1)
        else: log(2)
        if at_least(3, 1): log(1)
        else: log(2)
        """,
    ),
    "a cached helper": (
        [4],
        """
        from functools import lru_cache
        @lru_cache(maxsize=None)
        def at_least(text):
            return Version(__version__) >= Version(text)
        if at_least('3.0'): log(1)
        else: log(2)
        if not at_least('3.2'): log(1)
        """,
    ),
    "match on a tuple": (
        [4],
        """
        match (Version(__version__).major, Version(__version__).minor):
            case (2, _): log(1)
            case (3, 0): log(2)
            case (3, m) if m > 1: log(m)
            case _: log(9)
        """,
    ),
    "match on a release": (
        [3],
        """
        match Version(__version__).release:
            case (2, *_): log(1)
            case (3, minor, *_) if minor >= 2: log(minor)
            case _: log('o')
        """,
    ),
    "a guard of a case": (
        [],
        """
        x = 1
        match x:
            case 1 if NEW: log(1)
            case 1: log(2)
            case _ if not NEW: log(3)
        """,
    ),
    "the last yield of a function": (
        [2],
        """
        def gen():
            if not NEW:
                yield 1
        log(list(gen()))
        """,
    ),
    "the last yield of an async generator": (
        [3],
        """
        import asyncio
        async def gen():
            if not NEW:
                yield 1
            return
        async def main(): return [x async for x in gen()]
        log(asyncio.run(main()))
        """,
    ),
    "a class with the name of the flag": (
        [2],
        """
        class NEW: pass
        if NEW: log(1)
        else: log(2)
        """,
    ),
    "two functions under one name": (
        [2],
        """
        if NEW:
            def f(): return NEW
        else:
            def f(): return not NEW
        if f(): log(1)
        else: log(2)
        """,
    ),
    "set by a function before": (
        [5],
        """
        def f():
            global FLAG
            FLAG = NEW
        f()
        if FLAG: log(1)
        else: log(2)
        """,
    ),
    "a type that a flag chooses": (
        [],
        """
        from typing import Union, TypeAlias
        T: TypeAlias = 'int' if NEW else 'str'
        U = Union[int, str] if NEW else int
        log(T, U)
        """,
    ),
    "a field of a named tuple": (
        [],
        """
        from typing import NamedTuple
        class D(NamedTuple):
            new: bool = NEW
            x: int = 1
        log(len(D()), tuple(D()))
        """,
    ),
    "a member nobody names": (
        [],
        """
        import enum
        class E(enum.Enum):
            A = NEW
            B = 5
        log([e.value for e in E])
        """,
    ),
    "a class in a function": (
        [],
        """
        def f():
            flag = not NEW
            class C:
                flag = flag if False else NEW
                if flag: x = 1
                else: x = 2
            return C.x
        try: log(f())
        except NameError as e: log('n')
        """,
    ),
    "a flag set in else": (
        [],
        """
        try:
            from airflow.sdk import New
        except ImportError:
            HAS = False
        else:
            HAS = True
        if HAS: log(1)
        else: log(2)
        """,
    ),
    "two handlers for an import": (
        [],
        """
        try:
            from airflow.sdk import New
        except ModuleNotFoundError:
            New = None
        except ImportError:
            New = 3
        log(New)
        if New is None: log('old')
        """,
    ),
    "None stands for a missing import": (
        [],
        """
        def f():
            if Newer is None:
                raise RuntimeError('need 3.2')
            return Newer
        try:
            from airflow.sdk import Newer
        except ImportError:
            Newer = None
        try: log(f())
        except RuntimeError as e: log(str(e))
        """,
    ),
    "an error with the name of the flag": (
        [3],
        """
        try: raise KeyError
        except KeyError as NEW:
            log(1 if NEW else 2)
        """,
    ),
    "a flag as a key": (
        [3],
        """
        table = {True: 'new', False: 'old'}
        log(table[NEW])
        log({2: 'a', 3: 'b'}[Version(__version__).major])
        log(('old', 'new')[NEW])
        log([1, 2][not NEW])
        """,
    ),
    "arithmetic with a flag": (
        [],
        """
        log(NEW + 1, NEW * 'x', -NEW, ~NEW, NEW ^ True, NEW & True, NEW | False, NEW is True, NEW != False)
        """,
    ),
    "methods that return a flag": (
        [5],
        """
        class A:
            @property
            def new(self): return NEW
            @staticmethod
            def old(): return not NEW
            @classmethod
            def c(cls): return NEW
        a = A()
        log(1 if a.new else 2, 1 if A.old() else 2, 1 if a.c() else 2)
        if A.c(): log(3)
        else: log(4)
        """,
    ),
    "an overridden helper": (
        [3],
        """
        class A:
            @staticmethod
            def new(): return NEW
            def f(self): return 1 if self.new() else 2
        class B(A):
            @staticmethod
            def new(): return False
        log(A().f(), B().f())
        """,
    ),
    "a namespace is passed on": (
        [0, 2],
        """
        from unittest import mock
        def f(): return 1 if NEW else 2
        with mock.patch.dict(globals(), NEW=False):
            log(f())
        log(f())
        """,
    ),
    "looked up by a text": (
        [1, 2, 3],
        """
        log(globals()['NEW'])
        log(globals().get('NEW') and 1)
        log(eval('NEW'))
        """,
    ),
    "a function asks for its names": (
        [],
        """
        def f():
            new = NEW
            return sorted(locals())
        log(f())
        """,
    ),
    "a version as a number": (
        [1, 2, 4, 5],
        """
        f = float('.'.join(__version__.split('.')[:2]))
        if f >= 3.0: log(1)
        else: log(2)
        if f < 2.9: log(3)
        if float(__version__[:3]) >= 3: log(4)
        """,
    ),
    "digits of a version": (
        [],
        """
        n = int(__version__.replace('.', '')[:2])
        if n >= 30: log(1)
        else: log(2)
        """,
    ),
    "split from the right": (
        [5, 6, 7],
        """
        if __version__.rsplit('.', 1)[0] == '3.0': log(1)
        else: log(2)
        if __version__.partition('.')[0] == '3': log(3)
        if __version__.removeprefix('3') != __version__: log(4)
        if __version__.split('.', maxsplit=1)[0] == '2': log(5)
        a, b = __version__.split('.', 1)
        if a == '2': log(6)
        """,
    ),
    "formatted versions": (
        [1, 2, 3, 4, 8],
        """
        s = '{}'.format(__version__)
        if s >= '3': log(1)
        t = '%s' % __version__
        if t >= '3': log(2)
        u = str(Version(__version__))
        if u >= '3': log(3)
        if f'{__version__}' >= '3': log(4)
        if f'{__version__:>8}'.strip() >= '3': log(5)
        """,
    ),
    "a set of specifiers": (
        [5],
        """
        from packaging.specifiers import SpecifierSet
        if __version__ in SpecifierSet('>=3.0'): log(1)
        else: log(2)
        if SpecifierSet('>=3.0').contains(__version__): log(3)
        if SpecifierSet('>=3.0', prereleases=True).contains(__version__): log(4)
        if SpecifierSet('~=2.9').contains(Version(__version__), prereleases=True): log(5)
        if Version(__version__) in SpecifierSet('<3'): log(6)
        """,
    ),
    "any and all": (
        [],
        """
        if any([NEW, False]): log(1)
        else: log(2)
        if all((NEW, True)): log(3)
        if any(v for v in (NEW,)): log(4)
        if bool(NEW): log(5)
        if not bool(NEW): log(6)
        if int(NEW): log(7)
        """,
    ),
    "bound again in dead code": (
        [],
        """
        Foo = 1
        if not NEW:
            Foo = 2
        log(Foo)
        """,
    ),
    "a name bound in dead code alone": (
        [3],
        """
        x = 'global'
        def f():
            if not NEW:
                x = 'local'
            try:
                return x
            except UnboundLocalError:
                return 'unbound'
        log(f())
        """,
    ),
    "a builtin hidden in dead code": (
        [],
        """
        if not NEW:
            def sorted(x): return 'mine'
        log(sorted([2, 1]))
        """,
    ),
    "a context manager": (
        [],
        """
        import contextlib
        @contextlib.contextmanager
        def cm():
            if not NEW:
                yield 'old'
                return
            with contextlib.nullcontext():
                yield 'new'
        with cm() as x: log(x)
        """,
    ),
    "yields what a flag chooses": (
        [],
        """
        def f():
            yield from ([1] if NEW else [2])
            x = yield 3 if NEW else 4
        log(list(f()))
        """,
    ),
}
