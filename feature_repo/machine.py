"""LLVM: modules of its code in, machine code for this processor out."""

import ctypes
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

FUNCTIONS = "exp2", "log1p", "sqrt"  # of C's mathematics, which code may call: a double in, a double out
PYTHON = "PyLong_AsLongLong", "PyLong_FromLongLong", "PyFloat_AsDouble", "PyErr_Occurred", "PyErr_SetString"


def linked(module: ir.Module) -> Any:
    """An engine that owns a module's machine code; raises RuntimeError where none can be made."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    try:
        for library, names in ((ctypes.CDLL(None), FUNCTIONS), (ctypes.pythonapi, PYTHON)):
            for name in names:
                llvm.add_symbol(name, ctypes.cast(library[name], ctypes.c_void_p).value)
    except AttributeError as absent:
        raise RuntimeError(f"this process has no {absent}") from absent
    code = llvm.parse_assembly(str(module))
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple().create_target_machine(llvm.get_host_cpu_name(), features)
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_unrolling = False  # twice the code to make, and no faster
    passes = llvm.create_pass_builder(target, options)
    passes.getModulePassManager().run(code, passes)
    engine = llvm.create_mcjit_compiler(code, target)
    engine.finalize_object()
    return engine
