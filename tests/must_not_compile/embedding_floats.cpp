// Embedding takes ids, not features.
// expect: Embedding: the input must be ids of std::int32_t
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    Sequential model{Embedding{10, 4}, Flatten{}};
#else
    Sequential model{Dense{4}, Embedding{10, 4}, Flatten{}};
#endif
    static_cast<void>(model);
}
