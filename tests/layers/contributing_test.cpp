/// The layer that CONTRIBUTING.md shows is one like any other.
#include <contributing_layer.hpp>

#include <sstream>

#include <deeprec/io/model_file.hpp>
#include <deeprec/models/sequential.hpp>

#include "support/files.hpp"
#include "support/layer_battery.hpp"

using namespace deeprec;

TEST_CASE("The layer of CONTRIBUTING.md passes the battery", "[layers][threads]") {
    battery::check<3>([](battery::Random& random) {
        return battery::Subject{Scale<double>{random.uniform(-1, 1)}, {random.between(1, 5), random.between(1, 9)}};
    });
}

TEST_CASE("The layer of CONTRIBUTING.md comes back from a file and checks its options", "[layers][io]") {
    Sequential model{Scale<float>{0.5}};
    model.build({3}, Seed{1});
    std::ostringstream out;
    save(model, out);
    SafetensorsReader file(std::make_unique<std::istringstream>(out.str()), "model.safetensors");
    CHECK(file.metadata().at("deeprec.0") == "Scale offset=0.5");
    Tensor<float, 2> x(1, 3);
    x.setConstant(2);
    decltype(model)::Cache cache;
    CHECK(load<decltype(model)>(file).forward(x, cache)(0, 2) == 1);
    CHECK(support::message_of<ArgumentError>([] { Scale<float>{std::nan("")}; }) ==
          "Scale: expected a finite offset, received nan");
}
