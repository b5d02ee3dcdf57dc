#include <deeprec/io/npy.hpp>

#include <cstring>
#include <iterator>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

namespace {
template <class X>
std::string file_of(const X& x) {
    const support::TemporaryDirectory directory;
    save_npy(x, directory.path() / "x.npy");
    std::ifstream in(directory.path() / "x.npy", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
}  // namespace

TEST_CASE("a tensor as numpy writes it", "[npy]") {
    Tensor<float, 2> x(2, 3);
    for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(i);
    const std::string file = file_of(x);
    const std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, ), }";
    REQUIRE(file.size() == 128 + 6 * sizeof(float));
    CHECK(file.substr(0, 10) == std::string("\x93NUMPY\x01\x00\x76\x00", 10));
    CHECK(file.substr(10, 118) == dictionary + std::string(117 - dictionary.size(), ' ') + "\n");
    CHECK(std::memcmp(file.data() + 128, x.data(), 6 * sizeof(float)) == 0);

    const Tensor<std::int32_t, 1> ids(7);
    CHECK(file_of(ids).find("'<i4', 'fortran_order': False, 'shape': (7, ), }") != std::string::npos);
    CHECK(file_of(Tensor<double, 3>(1, 0, 2)).find("'<f8'") != std::string::npos);
    CHECK_THROWS_AS(save_npy(x, "/nowhere/x.npy"), FileError);
}
