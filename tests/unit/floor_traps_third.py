"""Programs that are not what they look like: conditions that do something, names bound in other ways."""

from __future__ import annotations

# As in floor_traps.py: the lines that are listed, and the code.
THIRD_TRAPS: dict[str, tuple[list[int], str]] = {
    "match class pattern": (
        [2, 3, 4],
        """
        match Version(__version__):
            case Version(major=2): log('two')
            case Version(major=3, minor=m) if m >= 2: log('late', m)
            case v: log('other', v.major)
        """,
    ),
    "match mapping": (
        [],
        """
        d = {'new': NEW}
        match d:
            case {'new': True}: log(1)
            case {'new': False}: log(2)
        """,
    ),
    "lambda default shadow": (
        [],
        """
        g = lambda NEW=False: 1 if NEW else 2
        log(g(), g(NEW))
        """,
    ),
    "global in nested function": (
        [7],
        """
        def a():
            def b():
                global NEW
                NEW = not NEW
            b()
        a()
        if NEW: log(1)
        else: log(2)
        """,
    ),
    "global in a class body": (
        [4],
        """
        class C:
            global NEW
            NEW = False
        if NEW: log(1)
        else: log(2)
        """,
    ),
    "import rebinds flag": (
        [10],
        """
        if NEW:
            import json as lib
        else:
            import re as lib
        log(lib.__name__)
        try:
            from airflow.sdk import New as NEW
        except ImportError:
            pass
        if NEW: log(1)
        else: log(2)
        """,
    ),
    "for target rebinds": (
        [2, 4],
        """
        for NEW in (False, True):
            if NEW: log(1)
            else: log(2)
        log(NEW)
        """,
    ),
    "except as rebinds": (
        [4, 7],
        """
        try:
            raise ValueError('x')
        except ValueError as NEW:
            if NEW: log(1)
            else: log(2)
        try:
            log(NEW)
        except NameError:
            log('gone')
        """,
    ),
    "augmented and": (
        [3],
        """
        ok = True
        ok &= NEW
        if ok: log(1)
        else: log(2)
        """,
    ),
    "tuple index select": (
        [],
        """
        log(('old', 'new')[NEW])
        f = [lambda: 1, lambda: 2][bool(NEW)]
        log(f())
        """,
    ),
    "multiply list": (
        [],
        """
        log(['x'] * NEW, 'ab' * (not NEW), [*(['n'] if NEW else [])])
        """,
    ),
    "star kwargs": (
        [],
        """
        def f(**k): return sorted(k)
        log(f(a=1, **({'b': 2} if NEW else {})), f(**{**({'c': 1} if not NEW else {}), 'd': 2}))
        """,
    ),
    "string compare two digits": (
        [],
        """
        if __version__ >= '2.11': log(1)
        else: log(2)
        if __version__ > '2.9.0': log(3)
        else: log(4)
        """,
    ),
    "float version": (
        [1, 2, 4],
        """
        f = float('.'.join(__version__.split('.')[:2]))
        if f >= 3.0: log(1)
        else: log(2)
        if f > 2.9: log('big')
        else: log('small')
        """,
    ),
    "regex version": (
        [2],
        """
        import re
        m = re.match(r'(\\d+)\\.(\\d+)', __version__)
        if int(m.group(1)) >= 3: log(1)
        else: log(2)
        """,
    ),
    "specifier equality star": (
        [4],
        """
        from packaging.specifiers import SpecifierSet, Specifier
        if SpecifierSet('==2.*').contains(__version__): log(1)
        else: log(2)
        if Specifier('~=3.1').contains(Version(__version__)): log(3)
        else: log(4)
        """,
    ),
    "percent format": (
        [1, 2],
        """
        t = 'v%d' % Version(__version__).major
        if t == 'v3': log(1)
        else: log(2)
        """,
    ),
    "class scope not seen in method": (
        [5],
        """
        class C:
            NEW = False
            def f(self): return 1 if NEW else 2
            h = [1 if NEW else 2 for _ in (0,)]
            k = 1 if NEW else 2
        log(C().f(), C.h, C.k)
        """,
    ),
    "metaclass keyword": (
        [],
        """
        class M(type): pass
        class C(metaclass=M if NEW else type): pass
        log(type(C).__name__)
        """,
    ),
    "double negative": (
        [],
        """
        if not (not NEW): log(1)
        else: log(2)
        OLD = not NEW
        if not OLD: log(3)
        if OLD is False: log(4)
        if OLD == False: log(5)
        if OLD != True: log(6)
        """,
    ),
    "bool int compare": (
        [],
        """
        if NEW == 1: log(1)
        if NEW + 1 > 1: log(2)
        if NEW ^ True: log(3)
        if NEW & True: log(4)
        if ~NEW & 1: log(5)
        """,
    ),
    "impossible": (
        [],
        """
        L = Version(__version__) >= Version('3.2')
        if L and not NEW: log('never')
        else: log('always')
        if L or not L: log('a')
        """,
    ),
    "suppress twice": (
        [3],
        """
        from contextlib import suppress
        X = 0
        with suppress(ImportError, AttributeError):
            import airflow.sdk
            X = airflow.sdk.Newer
        log(X)
        if X: log('newer')
        """,
    ),
    "try has flag none": (
        [],
        """
        try:
            from airflow.sdk import Newer
        except (ImportError, ModuleNotFoundError):
            Newer = None
        if Newer is None: log('none')
        else: log(Newer)
        if Newer: log('y')
        """,
    ),
    "try wrong exception": (
        [],
        """
        try:
            try:
                from airflow.sdk import New as X
            except AttributeError:
                X = 'attr'
        except ImportError:
            X = 'outer'
        log(X)
        """,
    ),
    "cached property overridden": (
        [],
        """
        import functools
        class C:
            @functools.cached_property
            def new(self): return NEW
        c = C(); log(1 if c.new else 2)
        c.__dict__['new'] = False
        log(1 if c.new else 2)
        """,
    ),
    "subclass overrides": (
        [3],
        """
        class A:
            new = NEW
            def f(self): return 1 if self.new else 2
        class B(A):
            new = False
        log(A().f(), B().f())
        """,
    ),
    "default early binding": (
        [],
        """
        new = NEW
        def f(x=new): return 1 if x else 2
        new = False
        log(f())
        """,
    ),
    "redefinition after use": (
        [1],
        """
        def is_new(): return NEW
        log(1 if is_new() else 2)
        def is_new(): return False
        log(1 if is_new() else 2)
        """,
    ),
    "conditional redefinition": (
        [1, 2],
        """
        def is_new(): return NEW
        if len(__version__) > 100:
            def is_new(): return False
        log(1 if is_new() else 2)
        """,
    ),
    "helper varargs": (
        [1, 2, 4],
        """
        def at_least(*v): return Version(__version__).release[:len(v)] >= v
        if at_least(3): log(1)
        else: log(2)
        if at_least(3, 2): log(3)
        """,
    ),
    "decorated helper": (
        [4],
        """
        def invert(f): return lambda: not f()
        @invert
        def new(): return NEW
        if new(): log(1)
        else: log(2)
        """,
    ),
    "min max sorted": (
        [1, 3],
        """
        if max(Version(__version__), Version('3.0')) == Version(__version__): log(1)
        else: log(2)
        if sorted([__version__, '3.0.0'])[0] == '3.0.0': log(3)
        """,
    ),
    "dunder version rebind": (
        [3],
        """
        real = __version__
        __version__ = '1.0'
        if Version(__version__) >= Version('3'): log(1)
        else: log(2)
        if Version(real) >= Version('3'): log(3)
        """,
    ),
    "Version shadowed locally": (
        [2, 3],
        """
        def f(Version):
            return Version(__version__) >= Version('3')
        log(f(lambda x: 0), f(parse))
        """,
    ),
    "slots default none": (
        [5],
        """
        class C:
            new: bool | None = None
            def f(self):
                if self.new is None: self.new = NEW
                return 1 if self.new else 2
        log(C().f())
        """,
    ),
    "lazy flag": (
        [4, 6, 7],
        """
        _flag = None
        def new():
            global _flag
            if _flag is None:
                _flag = NEW
            return _flag
        if new(): log(1)
        else: log(2)
        """,
    ),
    "inverted by loop var": (
        [2, 3],
        """
        for i in range(2):
            NEW = not NEW
            if NEW: log(i)
        """,
    ),
    "version via metadata": (
        [],
        """
        import importlib.metadata as md
        try: v = md.version('apache-airflow')
        except md.PackageNotFoundError: v = __version__
        if Version(v) >= Version('3'): log(1)
        else: log(2)
        """,
    ),
    "raise from flag handler": (
        [],
        """
        class Old(Exception): pass
        class New_(Exception): pass
        E_ = New_ if NEW else Old
        try: raise Old('x')
        except E_: log('caught')
        except Exception: log('other')
        """,
    ),
    "with conditional": (
        [],
        """
        import contextlib
        @contextlib.contextmanager
        def cm(): log('enter'); yield; log('exit')
        with (cm() if NEW else contextlib.nullcontext()): log('in')
        """,
    ),
    "unbound on some": (
        [],
        """
        if NEW: only = 1
        try:
            log(only)
        except NameError: log('unbound')
        """,
    ),
    "multi-line string in dead": (
        [],
        """
        if not NEW:
            x = '''
        if NEW:
            log(9)
        '''
        else:
            x = 'n'
        log(x)
        """,
    ),
    "nested def with same flag param": (
        [],
        """
        def outer(NEW=NEW):
            def inner(): return 1 if NEW else 2
            return inner()
        log(outer(), outer(False))
        """,
    ),
    "chained assign": (
        [5],
        """
        a = b = NEW
        b = False
        if a: log(1)
        else: log(2)
        if b: log(3)
        else: log(4)
        """,
    ),
    "swap": (
        [],
        """
        a, b = NEW, not NEW
        a, b = b, a
        if a: log(1)
        else: log(2)
        if b: log(3)
        """,
    ),
    "if or block": (
        [],
        """
        def side(x=1): log('s', x); return x

        if side(0) or NEW:
            log(3)
        else:
            log(4)
        if side(1) and not NEW:
            log(5)
        else:
            log(6)
        if side(2) and not NEW:
            log(7)
        """,
    ),
    "elif or block": (
        [],
        """
        def side(x=1): log('s', x); return x

        if side(0):
            log(1)
        elif side(0) or NEW:
            log(3)
        else:
            log(4)
        if side(0): log(8)
        elif side(1) and not NEW:
            log(5)
        elif side(2):
            log(6)
        """,
    ),
    "while or": (
        [],
        """
        def side(x=1): log('s', x); return x

        while side(1) and not NEW:
            log(1); break
        else:
            log('e')
        n = 0
        while side(0) or NEW:
            n += 1
            if n > 1: break
        """,
    ),
    "ternary or": (
        [],
        """
        def side(x=1): log('s', x); return x

        z = side(3) if side(0) or NEW else side(4)
        y = side(3) if side(1) and not NEW else side(4)
        """,
    ),
    "ternary nested": (
        [],
        """
        def side(x=1): log('s', x); return x

        z = 1 if (side(0) if NEW else side(1)) else 2
        f = lambda: 'a' if side(0) or NEW else 'b'
        log(z, f())
        """,
    ),
    "walrus kept": (
        [],
        """
        def side(x=1): log('s', x); return x

        if (x := side(0)) or NEW:
            log(x)
        else:
            log('n', x)
        w = 'a' if (q := side(1)) and not NEW else 'b'
        log(w, q)
        """,
    ),
    "await kept": (
        [],
        """
        def side(x=1): log('s', x); return x

        import asyncio
        async def co(x): log('co', x); return x
        async def main():
            if await co(0) or NEW:
                log(1)
            else:
                log(2)
            return 'a' if await co(0) or NEW else 'b'
        log(asyncio.run(main()))
        """,
    ),
    "assert side": (
        [],
        """
        def side(x=1): log('s', x); return x

        assert side(0) or NEW or True
        assert (side(1) or True) and (NEW or not NEW)
        """,
    ),
    "match guard side": (
        [],
        """
        def side(x=1): log('s', x); return x

        match 5:
            case int() if side(0) or NEW:
                log(1)
            case _:
                log(2)
        match 5:
            case int() if side(1) and not NEW: log(3)
            case _ if side(2): log(4)
        """,
    ),
    "not side": (
        [],
        """
        def side(x=1): log('s', x); return x

        if not (side(1) and not NEW):
            log(1)
        else:
            log(2)
        """,
    ),
    "comprehension if side": (
        [],
        """
        def side(x=1): log('s', x); return x

        log([i for i in range(2) if side(i) or NEW])
        log([i for i in range(2) if side(i) and not NEW])
        log([i for i in range(2) if NEW if side(i)])
        """,
    ),
    "yield kept ternary": (
        [],
        """
        def g():
            x = 'a' if (yield 1) or NEW else 'b'
            log(x)
        log(list(g()))
        """,
    ),
    "inherited class const": (
        [4],
        """
        class V: IS3 = NEW
        class W(V): pass
        class X(V): IS3 = not NEW
        log(1 if W.IS3 else 2, 1 if X.IS3 else 2, 1 if W().IS3 else 2)
        """,
    ),
    "class decorated": (
        [1, 4],
        """
        def flip(c): c.IS3 = not c.IS3; return c
        @flip
        class V: IS3 = NEW
        log(1 if V.IS3 else 2)
        """,
    ),
    "class setattr in loop": (
        [3],
        """
        class V: IS3 = NEW
        for n in ('IS3',): setattr(V, n, False)
        log(1 if V.IS3 else 2)
        """,
    ),
    "init subclass": (
        [],
        """
        class B:
            def __init_subclass__(cls, new=NEW): cls.new = new
        class C(B): pass
        class D(B, new=False): pass
        log(1 if C.new else 2, 1 if D.new else 2)
        """,
    ),
    "instance dict": (
        [5],
        """
        class C:
            new = NEW
        c = C()
        c.__dict__['new'] = False
        log(1 if c.new else 2, 1 if C.new else 2)
        """,
    ),
    "getattr dynamic": (
        [],
        """
        class C:
            new = NEW
            old = not NEW
        for n in ('new', 'old'): log(n, 1 if getattr(C, n) else 2)
        """,
    ),
    "singledispatch": (
        [4, 6],
        """
        import functools
        @functools.singledispatch
        def f(x): return NEW
        @f.register
        def _(x: int): return False
        log(1 if f('a') else 2, 1 if f(1) else 2)
        """,
    ),
    "recursive helper": (
        [1, 2],
        """
        def new(n=1): return new(n - 1) if n else NEW
        log(1 if new() else 2)
        """,
    ),
    "mutual helpers": (
        [],
        """
        def a(): return b()
        def b(): return NEW
        if a(): log(1)
        else: log(2)
        """,
    ),
    "helper reassigned later": (
        [1],
        """
        def new(): return NEW
        def f(): return 1 if new() else 2
        new = lambda: False
        log(f())
        """,
    ),
    "helper two returns": (
        [4, 6],
        """
        def new(force=None):
            if force is not None: return force
            return NEW
        if new(): log(1)
        else: log(2)
        if new(False): log(3)
        else: log(4)
        """,
    ),
    "helper arg default mutable": (
        [],
        """
        def f(cache={}):
            if 'v' not in cache: cache['v'] = NEW
            return cache['v']
        if f(): log(1)
        else: log(2)
        """,
    ),
    "tuple of str": (
        [],
        """
        if tuple(__version__.split('.')) >= ('3', '0'): log(1)
        else: log(2)
        if tuple(__version__.split('.')) >= ('2', '10'): log(3)
        else: log(4)
        """,
    ),
    "module consts chain": (
        [1, 2, 3, 4, 5],
        """
        MAJOR, MINOR = Version(__version__).major, Version(__version__).minor
        IS3 = MAJOR >= 3
        IS32 = IS3 and MINOR >= 2
        if IS32: log(1)
        elif IS3: log(2)
        else: log(3)
        """,
    ),
    "class const chain": (
        [5, 6, 9],
        """
        class V:
            MAJOR = Version(__version__).major
            IS3 = MAJOR >= 3
            @classmethod
            def is3(cls): return cls.MAJOR >= 3
        if V.IS3: log(1)
        else: log(2)
        if V.is3(): log(3)
        if V().MAJOR < 3: log(4)
        """,
    ),
    "int wrapper": (
        [],
        """
        if int(NEW): log(1)
        else: log(2)
        if str(NEW) == 'True': log(3)
        if repr(NEW) == 'False': log(4)
        """,
    ),
    "divmod bit": (
        [1, 2, 4],
        """
        n = Version(__version__).major * 100 + Version(__version__).minor
        if n >= 300: log(1)
        else: log(2)
        if n > 301: log(3)
        """,
    ),
    "ifexp as condition": (
        [],
        """
        if (True if NEW else False): log(1)
        else: log(2)
        if (False if NEW else len('a')): log(3)
        """,
    ),
    "or version default": (
        [],
        """
        v = None or __version__
        if Version(v) >= Version('3'): log(1)
        else: log(2)
        w = '' or 'x' and __version__
        if w.startswith('3'): log(3)
        """,
    ),
    "star import unknown": (
        [4],
        """
        import sys, types
        m = types.ModuleType('unk'); m.NEW = False; sys.modules['unk'] = m
        from unk import *
        if NEW: log(1)
        else: log(2)
        """,
    ),
    "import shadows": (
        [4],
        """
        import sys, types
        m = types.ModuleType('unk2'); m.NEW = False; sys.modules['unk2'] = m
        from unk2 import NEW
        if NEW: log(1)
        else: log(2)
        """,
    ),
    "late import in function": (
        [],
        """
        import sys, types
        m = types.ModuleType('unk3'); m.NEW = False; sys.modules['unk3'] = m
        def f():
            from unk3 import NEW
            if NEW: return 1
            return 2
        log(f(), 1 if NEW else 2)
        """,
    ),
    "nested class flag": (
        [5],
        """
        class A:
            class B:
                NEW = False
                def f(self): return 1 if NEW else 2
            x = 1 if B.NEW else 2
        log(A.x, A.B().f())
        """,
    ),
    "del class attr": (
        [5],
        """
        class A: new = False
        class B(A):
            new = NEW
        del B.new
        log(1 if B.new else 2)
        """,
    ),
    "print dead elif with comment": (
        [1],
        """
        if len(__version__) > 99:
            log(0)
        # about old
        elif not NEW:
            # inside
            log(1)
        # about new
        else:
            log(2)
        """,
    ),
}
