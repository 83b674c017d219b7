"""Lets the processes that the tests start use torch without its compiler, which hardly any test needs.

The first optimizer of a process makes torch import `torch._dynamo`, only to ask that `add_param_group` is
never compiled; so does the first process group, to empty a cache of the compiler. This import takes longer
than many of our tests: 1 to 2 s of processor time, and 120 MB. The stand-in below answers as `torch._dynamo`
does where nothing is compiled. Whatever else is asked of it, it loads the real module.
"""

import importlib
import sys
import types


class CompilerOnDemand(types.ModuleType):
    """Takes the place of `torch._dynamo` in `sys.modules`, until something of that module is needed."""

    def disable(self, function=None, recursive=True, **_):
        """`function` as it is, because nothing compiles it; without a function, a decorator."""
        return (lambda decorated: decorated) if function is None else function

    def graph_break(self, *_, **__) -> None:
        """Do nothing, because nothing is being compiled."""

    def __getattr__(self, name):
        if name.startswith("__") and name != "__path__":  # the import system asks every module for these
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


class PartOnDemand(types.SimpleNamespace):
    """Takes the place of one module of `torch._dynamo`: a few known answers, else the real module."""

    def __getattr__(self, name):
        return getattr(importlib.import_module(f"{compiler.__name__}.{self.module}"), name)


compiler = CompilerOnDemand("torch._dynamo")
# What init_process_group and DistributedDataParallel ask. The cache is still empty; the mode is the default.
compiler.trace_rules = PartOnDemand(module="trace_rules", clear_lru_cache=lambda: None)
compiler.utils = PartOnDemand(module="utils", get_optimize_ddp_mode=lambda: "ddp_optimizer")
sys.modules.setdefault("torch._dynamo", compiler)
