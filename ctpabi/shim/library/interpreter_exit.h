// Programs that end without Release, as many CTP programs do: no callback may enter an interpreter that is going away.
#pragma once

namespace shim {

// Whether a Python interpreter in this process has begun to shut down; false where there is none.
bool interpreter_is_gone();

// Marks the calling thread as one that calls back. When the interpreter shuts down while such a thread waits for the
// GIL, CPython up to 3.13 ends the thread with pthread_exit; that unwinds through the binding's destructors and aborts
// the process. A marked thread sleeps instead until the process is gone, which is what CPython does itself from 3.14 on.
void mark_callback_thread();

}  // namespace shim
