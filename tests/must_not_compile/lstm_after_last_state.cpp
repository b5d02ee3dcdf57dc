// An LSTM behind an LSTM wants a sequence.
// expect: LSTM: the input must be \[batch, time, features\], rank 3, received \[batch, features\]; a recurrent layer
// before it needs return_sequences
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    Sequential model{LSTM{8, return_sequences}, LSTM{8}, Dense{1, sigmoid}};
#else
    Sequential model{LSTM{8}, LSTM{8}, Dense{1, sigmoid}};
#endif
    model.build({16, 4}, Seed{1});
}
