#include "model.hpp"

using namespace deeprec;

Model make_model() {
    Model model{Conv1D{4, 3, relu}, Flatten{}, Dense{1, sigmoid}};
    model.build({6, 2}, Seed{1});
    return model;
}
