/// Counting heap allocations: proof that a warm step makes none.
#pragma once

namespace support {

/// Heap allocations (malloc family, so operator new and Eigen too) that this thread has made so far.
long allocations();

/// Those that it makes while f runs.
template <class F>
long allocations_in(F&& f) {
    const long before = allocations();
    f();
    return allocations() - before;
}

}  // namespace support
