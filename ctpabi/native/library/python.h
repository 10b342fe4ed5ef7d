// CPython's stable interface, as 3.11 has it: one compiled file serves that version and every later one.
#pragma once

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
