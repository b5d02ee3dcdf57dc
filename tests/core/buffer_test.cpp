#include <deeprec/core/buffer.hpp>

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("Memory is aligned and keeps what is in it, in pages of any size", "[buffer]") {
    for (const Index n : {1, 1000, (1 << 21) + 3, 5 << 20}) {  // of 8 MB and more in large pages
        Buffer<std::int32_t> buffer;
        std::int32_t* const p = buffer.need_zeros(n);
        CHECK(reinterpret_cast<std::uintptr_t>(p) % 64 == 0);
        CHECK(std::count(p, p + n, 0) == n);
        std::iota(p, p + n, 0);
        CHECK(buffer.need(n / 2) == p);  // never shrinks
        CHECK(buffer.capacity() == n);
        const Buffer<std::int32_t> copy = buffer;
        CHECK(std::equal(p, p + n, copy.data()));
    }
}
