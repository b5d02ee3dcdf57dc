// Flags that break the kernels' numerics are refused unless the user takes the risk.
// flags: -ffast-math
// expect: deeprec: -ffast-math breaks the numerics
#ifdef GOOD
#define DEEPREC_ALLOW_FAST_MATH
#endif
#include <deeprec/version.hpp>

int main() {}
