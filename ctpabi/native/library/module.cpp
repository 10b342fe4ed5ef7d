// The module `_ctp_native`: Plan, Inbox, Reader and call_slot, for ctpabi.native alone.
#include <memory>
#include <new>

#include "decode.h"
#include "encode.h"
#include "plan.h"
#include "python.h"
#include "queue.h"
#include "spi.h"

namespace native {
namespace {

// Tuples of a class of its own ------------------------------------------------------------------------------------

bool is_tuple_class(PyObject* one) {
  return PyType_Check(one) && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(one), &PyTuple_Type);
}

// A `made_class` of these values, past its own __new__; steals them, of which any may be null with a Python error set.
PyObject* tuple_of(PyObject* made_class, PyObject** values, size_t count) {
  static const auto make = reinterpret_cast<newfunc>(PyType_GetSlot(&PyTuple_Type, Py_tp_new));
  PyObject* plain = PyTuple_New(static_cast<Py_ssize_t>(count));
  bool is_whole = plain != nullptr;
  for (size_t at = 0; at < count; ++at) {
    if (values[at] == nullptr || plain == nullptr) {
      is_whole = false;
      Py_XDECREF(values[at]);
    } else if (PyTuple_SetItem(plain, static_cast<Py_ssize_t>(at), values[at]) != 0) {
      is_whole = false;
    }
  }
  if (is_whole && made_class == reinterpret_cast<PyObject*>(&PyTuple_Type)) return plain;
  PyObject* arguments = is_whole ? PyTuple_New(1) : nullptr;
  if (arguments == nullptr) {
    Py_XDECREF(plain);
    return nullptr;
  }
  PyTuple_SetItem(arguments, 0, plain);
  PyObject* made = make(reinterpret_cast<PyTypeObject*>(made_class), arguments, nullptr);
  Py_DECREF(arguments);
  return made;
}

// Plan ---------------------------------------------------------------------------------------------------------

struct PlanObject {
  PyObject_HEAD
  Plan* plan;
  Encoder* encoder;
  Decoder* decoder;
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
      made->decoder = new Decoder(*made->plan);
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
  delete plan->decoder;
  delete plan->encoder;
  delete plan->plan;
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

// event(slot, body | None, request_id, is_last, rest) -> bytes
PyObject* plan_event(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  auto* of = reinterpret_cast<PlanObject*>(self);
  if (count != 5) {
    PyErr_SetString(PyExc_TypeError, "event takes slot, body, request_id, is_last and rest");
    return nullptr;
  }
  char *body = nullptr, *rest = nullptr;
  Py_ssize_t size = 0, rest_size = 0;
  const Py_ssize_t slot = PyLong_AsSsize_t(arguments[0]);
  if (slot == -1 && PyErr_Occurred()) return nullptr;
  if (arguments[1] != Py_None && PyBytes_AsStringAndSize(arguments[1], &body, &size) != 0) return nullptr;
  const long request_id = PyLong_AsLong(arguments[2]);
  if (request_id == -1 && PyErr_Occurred()) return nullptr;
  if (request_id != static_cast<int>(request_id)) {
    PyErr_SetString(PyExc_OverflowError, "a request id has 32 bits");
    return nullptr;
  }
  const int is_last = PyObject_IsTrue(arguments[3]);
  if (is_last < 0 || PyBytes_AsStringAndSize(arguments[4], &rest, &rest_size) != 0) return nullptr;
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
  return of->encoder->event(callback, body, static_cast<int>(request_id), is_last != 0, rest, static_cast<size_t>(rest_size));
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

// call(message) -> what `Decoder::call` makes of a TerminalMessage's bytes
PyObject* plan_call(PyObject* self, PyObject* message) {
  char* data;
  Py_ssize_t size;
  if (PyBytes_AsStringAndSize(message, &data, &size) != 0) return nullptr;
  return reinterpret_cast<PlanObject*>(self)->decoder->call(data, static_cast<size_t>(size));
}

PyMethodDef plan_methods[] = {
    {"call", plan_call, METH_O, nullptr},
    {"event", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(plan_event)), METH_FASTCALL, nullptr},
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

struct InboxObject {
  PyObject_HEAD
  PyObject* plan;
  PyObject* event_class;
  PyObject* callbacks;  // a tuple, by slot
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
  if (fits != 1 || !PyTuple_Check(callbacks) || !is_tuple_class(event_class)) {
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

PyObject* bytes_or_none(const char* at, size_t size, bool is_there) {
  if (is_there) return PyBytes_FromStringAndSize(at, static_cast<Py_ssize_t>(size));
  Py_INCREF(Py_None);
  return Py_None;
}

// One event, with `at` moved behind its record; null with a Python error set.
PyObject* event_at(InboxObject* inbox, const char*& at) {
  Record record;
  std::memcpy(&record, at, sizeof record);
  at += sizeof record;
  const Plan& plan = plan_of(inbox);
  const CallbackPlan& callback = plan.callbacks[record.slot];
  size_t body_size = record.has_body ? plan.structs[static_cast<size_t>(callback.struct_index)].size : 0;
  size_t rsp_info_size = record.has_rsp_info ? plan.rsp_info_size : 0;
  const char *body = at, *rsp_info = at + body_size;
  at += body_size + rsp_info_size;
  PyObject* of = PyTuple_GetItem(inbox->callbacks, record.slot);
  Py_XINCREF(of);
  // In the order of ctpabi.api.spi.RawEvent.
  PyObject* values[] = {of,
                        bytes_or_none(body, body_size, record.has_body),
                        bytes_or_none(rsp_info, rsp_info_size, record.has_rsp_info),
                        PyLong_FromLong(record.request_id),
                        PyBool_FromLong(record.is_last),
                        PyLong_FromLong(record.reason)};
  return tuple_of(inbox->event_class, values, sizeof values / sizeof *values);
}

// take() -> list of events, in order
PyObject* inbox_take(PyObject* self, PyObject*) {
  auto* inbox = reinterpret_cast<InboxObject*>(self);
  size_t count = 0;
  Chunks chunks = inbox->queue->take(count);
  PyObject* taken = PyList_New(static_cast<Py_ssize_t>(count));
  if (taken == nullptr) return nullptr;
  Py_ssize_t place = 0;
  for (const Chunk& chunk : chunks) {
    for (const char* at = chunk.begin(); at < chunk.end();) {
      PyObject* event = event_at(inbox, at);
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

// Reader ---------------------------------------------------------------------------------------------------------

struct ReaderObject {
  PyObject_HEAD
  PyObject* made_class;
  std::vector<FieldPlace>* texts;
  std::vector<FieldPlace>* numbers;
  size_t least;  // bytes that a body must have
};

void reader_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  auto* reader = reinterpret_cast<ReaderObject*>(self);
  Py_XDECREF(reader->made_class);
  delete reader->texts;
  delete reader->numbers;
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

std::vector<FieldPlace>* places_of(const char* data, Py_ssize_t size, size_t& least) {
  auto* places = new std::vector<FieldPlace>(static_cast<size_t>(size) / sizeof(FieldPlace));
  std::memcpy(places->data(), data, places->size() * sizeof(FieldPlace));
  for (const FieldPlace& one : *places) {
    if (one.size != 0 && size_t{one.offset} + one.size > least) least = size_t{one.offset} + one.size;
  }
  return places;
}

// Reader(class, texts, numbers): each is offset and size of its fields, as they lie in memory; size 0 where there is none
PyObject* reader_new(PyTypeObject* type, PyObject* arguments, PyObject*) {
  PyObject* made_class;
  const char *texts, *numbers;
  Py_ssize_t texts_size, numbers_size;
  if (!PyArg_ParseTuple(arguments, "Oy#y#", &made_class, &texts, &texts_size, &numbers, &numbers_size)) return nullptr;
  if (!is_tuple_class(made_class) || static_cast<size_t>(texts_size + numbers_size) > kMostRead * sizeof(FieldPlace)) {
    PyErr_SetString(PyExc_TypeError, "takes a class of tuples, and few fields");
    return nullptr;
  }
  auto allocate = reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc));
  auto* made = reinterpret_cast<ReaderObject*>(allocate(type, 0));
  if (made == nullptr) return nullptr;
  try {
    made->texts = places_of(texts, texts_size, made->least);
    made->numbers = places_of(numbers, numbers_size, made->least);
  } catch (const std::bad_alloc&) {
    Py_DECREF(made);
    return PyErr_NoMemory();
  }
  for (const FieldPlace& one : *made->numbers) {
    if (one.size != 0 && one.size != sizeof(int32_t)) {
      PyErr_SetString(PyExc_ValueError, "a number has four bytes");
      Py_DECREF(made);
      return nullptr;
    }
  }
  Py_INCREF(made_class);
  made->made_class = made_class;
  return reinterpret_cast<PyObject*>(made);
}

// read(body) -> the fields
PyObject* reader_read(PyObject* self, PyObject* body) {
  auto* reader = reinterpret_cast<ReaderObject*>(self);
  char* bytes;
  Py_ssize_t size;
  if (PyBytes_AsStringAndSize(body, &bytes, &size) != 0) return nullptr;
  if (static_cast<size_t>(size) < reader->least) {
    PyErr_SetString(PyExc_ValueError, "the struct has another size");
    return nullptr;
  }
  PyObject* values[kMostRead];
  size_t count = 0;
  for (const FieldPlace& one : *reader->texts) {
    const char* at = bytes + one.offset;
    values[count++] = PyBytes_FromStringAndSize(at, static_cast<Py_ssize_t>(one.size == 0 ? 0 : strnlen(at, one.size)));
  }
  for (const FieldPlace& one : *reader->numbers) {
    int32_t number = 0;
    if (one.size != 0) std::memcpy(&number, bytes + one.offset, sizeof number);
    values[count++] = PyLong_FromLong(number);
  }
  return tuple_of(reader->made_class, values, count);
}

PyMethodDef reader_methods[] = {
    {"read", reader_read, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyType_Slot reader_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(reader_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(reader_dealloc)},
    {Py_tp_methods, reader_methods},
    {0, nullptr},
};
PyType_Spec reader_spec = {"_ctp_native.Reader", sizeof(ReaderObject), 0, Py_TPFLAGS_DEFAULT, reader_slots};

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
  return add_class(module, "Plan", &plan_spec) != 0 || add_class(module, "Inbox", &inbox_spec) != 0 ||
                 add_class(module, "Reader", &reader_spec) != 0
             ? -1
             : 0;
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
