// Whether the code that wants an API instance calls the slots this library was built with.
#pragma once

namespace shim {

// Ends the process, with one line that says why, unless the code at `address` fits: code compiled for another CTP calls
// other slots, and each of its calls would be a different one here. For a counter it must lie in the file that
// `kCallerSize` and `kCallerCrc32` describe. On the way to a relay any code fits whose vendor library is of this CTP.
void require_known_caller(const void* address);

}  // namespace shim
