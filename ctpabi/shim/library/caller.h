// Whether the code that wants an API instance is the binding this library was built for.
#pragma once

namespace shim {

// Ends the process, with one line that says why, unless `address` lies in the file that `kCallerSize` and
// `kCallerCrc32` describe. Another binding calls other slots: each of its calls would be a different one here.
void require_known_caller(const void* address);

}  // namespace shim
