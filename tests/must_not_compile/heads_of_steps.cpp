// Heads answer once a sample: a Dense over the steps of a sequence gives one vector a step.
// expect: Heads: every head must give one vector a sample
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    Sequential model{LSTM{4}, Heads{head("click", Dense{1})}};
#else
    Sequential model{LSTM{4, return_sequences}, Heads{head("click", Dense{1})}};
#endif
}
