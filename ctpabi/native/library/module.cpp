// The module `_ctp_native`: Plan, Inbox and call_slot, for ctpabi.native alone.
#include <memory>
#include <new>

#include "encode.h"
#include "plan.h"
#include "python.h"
#include "queue.h"
#include "spi.h"

namespace native {
namespace {

// Plan ---------------------------------------------------------------------------------------------------------

struct PlanObject {
  PyObject_HEAD
  Plan* plan;
  Encoder* encoder;
};

bool read_tag(const char* bytes, Py_ssize_t length, Tag& tag) {
  if (length < 1 || length > 7) {
    PyErr_SetString(PyExc_ValueError, "a tag has one to seven bytes");
    return false;
  }
  tag.length = static_cast<uint8_t>(length);
  std::memcpy(tag.bytes, bytes, static_cast<size_t>(length));
  return true;
}

PyObject* plan_new(PyTypeObject* type, PyObject* arguments, PyObject*) {
  const char *data, *request_id, *is_last, *empty;
  Py_ssize_t size, request_id_size, is_last_size, empty_size;
  if (!PyArg_ParseTuple(arguments, "y#y#y#y#", &data, &size, &request_id, &request_id_size, &is_last, &is_last_size, &empty, &empty_size)) {
    return nullptr;
  }
  auto allocate = reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc));
  auto* made = reinterpret_cast<PlanObject*>(allocate(type, 0));
  if (made == nullptr) return nullptr;
  try {
    made->plan = new Plan;
    if (!made->plan->read(data, static_cast<size_t>(size))) {
      PyErr_SetString(PyExc_ValueError, "the bytes are no plan");
    } else {
      made->encoder = new Encoder(*made->plan);
      if (read_tag(request_id, request_id_size, made->encoder->request_id) && read_tag(is_last, is_last_size, made->encoder->is_last) &&
          read_tag(empty, empty_size, made->encoder->empty)) {
        return reinterpret_cast<PyObject*>(made);
      }
    }
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  }
  Py_DECREF(made);
  return nullptr;
}

void plan_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  auto* plan = reinterpret_cast<PlanObject*>(self);
  delete plan->encoder;
  delete plan->plan;
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

// event(slot, body | None, request_id, is_last, rest) -> bytes
PyObject* plan_event(PyObject* self, PyObject* arguments) {
  auto* of = reinterpret_cast<PlanObject*>(self);
  Py_ssize_t slot;
  const char *body, *rest;
  Py_ssize_t size, rest_size;
  int request_id, is_last;
  if (!PyArg_ParseTuple(arguments, "nz#ipy#", &slot, &body, &size, &request_id, &is_last, &rest, &rest_size)) return nullptr;
  const Plan& plan = *of->plan;
  if (slot < 0 || static_cast<size_t>(slot) >= plan.callbacks.size() || plan.callbacks[static_cast<size_t>(slot)].tag.length == 0) {
    PyErr_SetString(PyExc_ValueError, "the callback is no event");
    return nullptr;
  }
  const CallbackPlan& callback = plan.callbacks[static_cast<size_t>(slot)];
  size_t wanted = callback.struct_index < 0 ? 0 : plan.structs[static_cast<size_t>(callback.struct_index)].size;
  if (body != nullptr && static_cast<size_t>(size) != wanted) {
    PyErr_SetString(PyExc_ValueError, "the struct has another size");
    return nullptr;
  }
  return of->encoder->event(callback, body, request_id, is_last != 0, rest, static_cast<size_t>(rest_size));
}

// message(struct, body) -> bytes
PyObject* plan_message(PyObject* self, PyObject* arguments) {
  auto* of = reinterpret_cast<PlanObject*>(self);
  Py_ssize_t index;
  const char* body;
  Py_ssize_t size;
  if (!PyArg_ParseTuple(arguments, "ny#", &index, &body, &size)) return nullptr;
  if (index < 0 || static_cast<size_t>(index) >= of->plan->structs.size() ||
      static_cast<size_t>(size) != of->plan->structs[static_cast<size_t>(index)].size) {
    PyErr_SetString(PyExc_ValueError, "the struct has another size");
    return nullptr;
  }
  return of->encoder->message(of->plan->structs[static_cast<size_t>(index)], body);
}

PyMethodDef plan_methods[] = {
    {"event", plan_event, METH_VARARGS, nullptr},
    {"message", plan_message, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyType_Slot plan_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(plan_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(plan_dealloc)},
    {Py_tp_methods, plan_methods},
    {0, nullptr},
};
PyType_Spec plan_spec = {"_ctp_native.Plan", sizeof(PlanObject), 0, Py_TPFLAGS_DEFAULT, plan_slots};

// Inbox --------------------------------------------------------------------------------------------------------

enum Name { kCallback, kBody, kRspInfo, kRequestId, kIsLast, kReason, kNames };
constexpr const char* kNameTexts[kNames] = {"callback", "body", "rsp_info", "request_id", "is_last", "reason"};

struct InboxObject {
  PyObject_HEAD
  PyObject* plan;
  PyObject* event_class;
  PyObject* callbacks;  // a tuple, by slot
  PyObject* nothing;    // an empty tuple: the arguments of event_class.__new__
  PyObject* names[kNames];
  Queue* queue;
  Spi* spi;
};

const Plan& plan_of(const InboxObject* inbox) { return *reinterpret_cast<PlanObject*>(inbox->plan)->plan; }

void inbox_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  auto* inbox = reinterpret_cast<InboxObject*>(self);
  delete inbox->spi;
  delete inbox->queue;
  Py_XDECREF(inbox->plan);
  Py_XDECREF(inbox->event_class);
  Py_XDECREF(inbox->callbacks);
  Py_XDECREF(inbox->nothing);
  for (PyObject* name : inbox->names) Py_XDECREF(name);
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

bool furnish(InboxObject* inbox, PyObject* plan, PyObject* event_class, PyObject* callbacks, Py_ssize_t limit) {
  Py_INCREF(plan);
  Py_INCREF(event_class);
  Py_INCREF(callbacks);
  inbox->plan = plan;
  inbox->event_class = event_class;
  inbox->callbacks = callbacks;
  if (static_cast<size_t>(PyTuple_Size(callbacks)) != plan_of(inbox).callbacks.size() || limit < 1) {
    PyErr_SetString(PyExc_ValueError, "the callbacks are another plan's, or nothing may wait");
    return false;
  }
  if ((inbox->nothing = PyTuple_New(0)) == nullptr) return false;
  for (int at = 0; at < kNames; ++at) {
    if ((inbox->names[at] = PyUnicode_InternFromString(kNameTexts[at])) == nullptr) return false;
  }
  try {
    inbox->queue = new Queue(static_cast<size_t>(limit));
    inbox->spi = new Spi{spi_table(), &plan_of(inbox), inbox->queue};
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
    return false;
  }
  if (inbox->queue->descriptor() < 0) {
    PyErr_SetFromErrno(PyExc_OSError);
    return false;
  }
  return true;
}

PyObject* inbox_new(PyTypeObject* type, PyObject* arguments, PyObject*) {
  PyObject *plan, *event_class, *callbacks;
  Py_ssize_t limit;
  if (!PyArg_ParseTuple(arguments, "OOOn", &plan, &event_class, &callbacks, &limit)) return nullptr;
  PyObject* module = PyType_GetModule(type);
  PyObject* plan_class = module == nullptr ? nullptr : PyObject_GetAttrString(module, "Plan");
  if (plan_class == nullptr) return nullptr;
  int fits = PyObject_IsInstance(plan, plan_class);
  Py_DECREF(plan_class);
  if (fits != 1 || !PyTuple_Check(callbacks) || !PyType_Check(event_class)) {
    if (fits >= 0) PyErr_SetString(PyExc_TypeError, "takes a plan, the events' class, the callbacks and a limit");
    return nullptr;
  }
  auto allocate = reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc));
  auto* made = reinterpret_cast<InboxObject*>(allocate(type, 0));
  if (made == nullptr) return nullptr;
  if (furnish(made, plan, event_class, callbacks, limit)) return reinterpret_cast<PyObject*>(made);
  Py_DECREF(made);
  return nullptr;
}

// Sets it past the frozen class's own __setattr__; steals `value`, which may be null with an error set.
bool set(PyObject* event, PyObject* name, PyObject* value) {
  if (value == nullptr) return false;
  int failed = PyObject_GenericSetAttr(event, name, value);
  Py_DECREF(value);
  return failed == 0;
}

PyObject* bytes_or_none(const char* at, size_t size, bool is_there) {
  if (is_there) return PyBytes_FromStringAndSize(at, static_cast<Py_ssize_t>(size));
  Py_INCREF(Py_None);
  return Py_None;
}

// One event, with `at` moved behind its record; null with a Python error set.
PyObject* event_at(InboxObject* inbox, newfunc make, const char*& at) {
  Record record;
  std::memcpy(&record, at, sizeof record);
  at += sizeof record;
  const Plan& plan = plan_of(inbox);
  const CallbackPlan& callback = plan.callbacks[record.slot];
  size_t body_size = record.has_body ? plan.structs[static_cast<size_t>(callback.struct_index)].size : 0;
  size_t rsp_info_size = record.has_rsp_info ? plan.rsp_info_size : 0;
  const char *body = at, *rsp_info = at + body_size;
  at += body_size + rsp_info_size;
  PyObject* event = make(reinterpret_cast<PyTypeObject*>(inbox->event_class), inbox->nothing, nullptr);
  if (event == nullptr) return nullptr;
  PyObject* of = PyTuple_GetItem(inbox->callbacks, record.slot);
  Py_XINCREF(of);
  if (set(event, inbox->names[kCallback], of) && set(event, inbox->names[kBody], bytes_or_none(body, body_size, record.has_body)) &&
      set(event, inbox->names[kRspInfo], bytes_or_none(rsp_info, rsp_info_size, record.has_rsp_info)) &&
      set(event, inbox->names[kRequestId], PyLong_FromLong(record.request_id)) &&
      set(event, inbox->names[kIsLast], PyBool_FromLong(record.is_last)) &&
      set(event, inbox->names[kReason], PyLong_FromLong(record.reason))) {
    return event;
  }
  Py_DECREF(event);
  return nullptr;
}

// take() -> list of events, in order
PyObject* inbox_take(PyObject* self, PyObject*) {
  auto* inbox = reinterpret_cast<InboxObject*>(self);
  size_t count = 0;
  Chunks chunks = inbox->queue->take(count);
  PyObject* taken = PyList_New(static_cast<Py_ssize_t>(count));
  if (taken == nullptr) return nullptr;
  auto make = reinterpret_cast<newfunc>(PyType_GetSlot(reinterpret_cast<PyTypeObject*>(inbox->event_class), Py_tp_new));
  Py_ssize_t place = 0;
  for (const Chunk& chunk : chunks) {
    for (const char* at = chunk.begin(); at < chunk.end();) {
      PyObject* event = event_at(inbox, make, at);
      if (event == nullptr || PyList_SetItem(taken, place++, event) != 0) {
        Py_DECREF(taken);
        return nullptr;
      }
    }
  }
  return taken;
}

// shut(): nothing more is taken
PyObject* inbox_shut(PyObject* self, PyObject*) {
  reinterpret_cast<InboxObject*>(self)->queue->shut();
  Py_RETURN_NONE;
}

PyObject* inbox_descriptor(PyObject* self, void*) {
  return PyLong_FromLong(reinterpret_cast<InboxObject*>(self)->queue->descriptor());
}

PyObject* inbox_address(PyObject* self, void*) { return PyLong_FromVoidPtr(reinterpret_cast<InboxObject*>(self)->spi); }

PyObject* inbox_overflowed(PyObject* self, void*) {
  return PyBool_FromLong(reinterpret_cast<InboxObject*>(self)->queue->overflowed());
}

PyMethodDef inbox_methods[] = {
    {"take", inbox_take, METH_NOARGS, nullptr},
    {"shut", inbox_shut, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef inbox_properties[] = {
    {"descriptor", inbox_descriptor, nullptr, nullptr, nullptr},
    {"address", inbox_address, nullptr, nullptr, nullptr},
    {"overflowed", inbox_overflowed, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyType_Slot inbox_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(inbox_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(inbox_dealloc)},
    {Py_tp_methods, inbox_methods},
    {Py_tp_getset, inbox_properties},
    {0, nullptr},
};
PyType_Spec inbox_spec = {"_ctp_native.Inbox", sizeof(InboxObject), 0, Py_TPFLAGS_DEFAULT, inbox_slots};

// Module -------------------------------------------------------------------------------------------------------

// call_slot(spi, slot, first, second, third, fourth): as the vendor's thread does, which does not hold the interpreter's lock
PyObject* module_call_slot(PyObject*, PyObject* arguments) {
  unsigned long long spi, first, second;
  long slot, third, fourth;
  if (!PyArg_ParseTuple(arguments, "KlKKll", &spi, &slot, &first, &second, &third, &fourth)) return nullptr;
  if (spi == 0 || slot < 0 || static_cast<size_t>(slot) >= kSlots) {
    PyErr_SetString(PyExc_ValueError, "there is no such slot");
    return nullptr;
  }
  auto pointer = [](unsigned long long address) { return reinterpret_cast<void*>(static_cast<uintptr_t>(address)); };
  Py_BEGIN_ALLOW_THREADS;
  call_slot(pointer(spi), slot, pointer(first), pointer(second), third, fourth);
  Py_END_ALLOW_THREADS;
  Py_RETURN_NONE;
}

int add_class(PyObject* module, const char* name, PyType_Spec* spec) {
  PyObject* made = PyType_FromModuleAndSpec(module, spec, nullptr);
  if (made == nullptr) return -1;
  int failed = PyModule_AddObjectRef(module, name, made);
  Py_DECREF(made);
  return failed;
}

int module_filled(PyObject* module) {
  return add_class(module, "Plan", &plan_spec) != 0 || add_class(module, "Inbox", &inbox_spec) != 0 ? -1 : 0;
}

PyMethodDef module_methods[] = {
    {"call_slot", module_call_slot, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(module_filled)},
    {0, nullptr},
};
PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, "_ctp_native", nullptr, 0, module_methods, module_slots, nullptr, nullptr, nullptr};

}  // namespace
}  // namespace native

PyMODINIT_FUNC PyInit__ctp_native() { return PyModuleDef_Init(&native::module_definition); }
